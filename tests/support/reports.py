"""What tests of the report share: its pages, as a reader and a browser see them, and tables that
are made up."""

import base64
import dataclasses
import io
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from stillact.core.runs import Run
from stillact.evaluation.answer import Answer, Compared, NotJudged, Price
from stillact.evaluation.metrics import METRICS
from stillact.report import page as report_page
from support import records

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "workflow/report/report.html.j2"
CLASSES = ["walking_running", "sitting", "standing"]
VOID = {"meta", "img", "br", "link", "input", "hr"}

ANOVA = pd.DataFrame(
    {
        "test": ["anova", "welch"],
        "f": [23.4562, np.nan],
        "df1": [6, 6],
        "p": [1e-9, 0.0421],
        "note": [np.nan, "vit is left out."],
        "empty": [np.nan, np.nan],
    }
)
CALIBRATED = pd.DataFrame({"model": ["vit"], "ece": [-0.12345]})
CLAIMS = pd.DataFrame({"claim": ["EM beats CS"], "verdict": ["undecided"], "evidence": ["p .4"]})
BROWSER = {
    "models": ["vit"],
    "classes": CLASSES,
    "photos": [
        {"id": "p0", "url": "u/p0.jpg", "label": "sitting", "thumbnail": "data:image/webp;base64,"}
    ],
    "left_out": 0,
    "misclassified": 1,
    "hard": 1,
    "overlays": {},
    "groups": [{"name": "test", "photos": [[0, [[200000, 500000, 300000]]]]}],
}


class Page(HTMLParser):
    """Tags with their attributes, the text a reader sees, and whether every tag is closed."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.words, self.open, self.scripts = [], [], [], []
        self.feed(html)
        assert self.open == []
        self.text = " ".join(" ".join(self.words).replace("\xa0", " ").split())

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        elif self.open and self.open[-1] != "style":
            self.words.append(data)

    def all(self, attribute):
        return [attrs[attribute] for _, attrs in self.tags if attribute in attrs]

    def cells(self, table):
        """The words of the page from this table's caption on."""
        return self.text[self.text.index(table) :]


def page(study, **changes):
    return Page(report_page.build(dataclasses.replace(study, **changes), TEMPLATE))


def results(names, runs=5, name="model", task="activity3", subset="test", best=0.5, paper=0.3862):
    """A table of `comparison.beside`, or without `paper` of `model_tables.of_models`; the first
    model's accuracy is `best`, each next one 0.2 less."""
    rows = []
    for place, model in enumerate(names):
        row = {name: model, "task": task, "subset": subset, "runs": runs}
        for metric in METRICS:
            mean = best - 0.2 * place
            spread = (0.0312, mean - 0.04, mean + 0.04) if runs > 1 else (None, None, None)
            values = dict(zip(("sd", "ci_low", "ci_high"), spread, strict=True))
            theirs = {} if paper is None else {"paper": paper}
            for value, number in {"mean": mean, **values, **theirs}.items():
                row[f"{metric}_{value}"] = number
        rows.append(row)
    return pd.DataFrame(rows)


def meta(model, seed, **changes):
    run = Run("activity3", model, "holdout", seed)
    of_seed = {"run": run, "peak_memory_mb": 700.0 + seed, "epochs": 10 + 2 * seed}
    return records.run(**of_seed | changes)


def located(model, metric, value, **more):
    row = dict(model=model, method="legrad_2", answers="all", metric=metric, photos=29)
    row |= dict(value=value, ci_low=value - 0.1, ci_high=value + 0.1, chance=0.25, centre=0.4)
    return {**row, **more}


def decoded(uri):
    """The photo that a data URI holds."""
    head, content = uri.split(",")
    assert head == "data:image/webp;base64"
    return Image.open(io.BytesIO(base64.b64decode(content)))


def priced(seconds: float, memory_mb: float, weights_mb: float) -> Price:
    return Price(seconds=seconds, memory_mb=memory_mb, weights_mb=weights_mb)


def compared(model: str, difference: float, low: float, high: float, price: Price) -> Compared:
    """A candidate beside a chosen one whose accuracy is 0.8."""
    return Compared(
        model=model,
        recipe="mlp",
        accuracy=0.8 - difference,
        difference=difference,
        low=low,
        high=high,
        p=0.5 if low < 0 else 0.001,
        price=price,
    )


ANSWER = Answer(
    task="activity3",
    classes=CLASSES,
    verdict="several_equal",
    model="clip_probe",
    chosen="clip_probe",
    price=priced(0.4, 500, 350),
    accuracy=0.78,
    accuracy_low=0.72,
    accuracy_high=0.84,
    balanced_accuracy=0.77,
    balanced_accuracy_low=0.7,
    balanced_accuracy_high=0.83,
    chance=0.4,
    could_show=0.5,
    needed=60,
    needed_difference=0.38,
    equals=[compared("clip_em", 0.02, -0.01, 0.04, priced(3, 600, 351))],
    worse=[compared("fnn_base", 0.2, 0.1, 0.3, priced(9, 700, 2))],
    not_judged=[
        NotJudged(model="clip_soup", reason="a mean of several seeds is not cross-validated")
    ],
    images=40,
    groups=40,
    scheme="cv",
    why="clip_probe is the most accurate of 3 candidates.",
)
