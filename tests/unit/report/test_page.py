import base64
import dataclasses
import hashlib
import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from stillact.config import study as config
from stillact.core.tables import read_csv
from stillact.data import overview
from stillact.paper import comparison
from stillact.report import page as report_page

ROOT = Path(__file__).parents[3]
TEMPLATE = ROOT / "workflow/report/report.html.j2"
CLASSES = ["walking_running", "sitting", "standing"]
HOSTILE = "<script>alert('x')</script>\"'&"
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
    "photos": [{"id": "p0", "label": "sitting", "thumbnail": "data:image/jpeg;base64,"}],
    "left_out": 0,
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


def results(names, runs=5, name="model", task="activity3", subset="test", best=0.5):
    """A table of `paper.compare`; the first model's accuracy is `best`, each next one 0.2 less."""
    rows = []
    for place, model in enumerate(names):
        row = {name: model, "task": task, "subset": subset, "runs": runs}
        for metric in comparison.METRICS:
            mean = best - 0.2 * place
            spread = (0.0312, mean - 0.04, mean + 0.04) if runs > 1 else (None, None, None)
            values = dict(zip(("sd", "ci_low", "ci_high"), spread, strict=True))
            for value, number in {"mean": mean, **values, "paper": 0.3862}.items():
                row[f"{metric}_{value}"] = number
        rows.append(row)
    return pd.DataFrame(rows)


def meta(model, seed, **changes):
    versions = {"python": "3.12.1", "torch": "2.14.0"}
    return {
        "run": {"task": "activity3", "model": model, "split": "holdout", "seed": seed},
        "device": "cpu: x86_64",
        "seconds": 61.0,
        "peak_memory_mb": 700.0 + seed,
        "epochs": 10 + 2 * seed,
        "parameters": 4287875,
        "versions": versions,
    } | changes


@pytest.fixture
def study(tmp_path):
    settings = config.load(yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8")))
    ids = [f"p{i}" for i in range(40)]
    labels = [CLASSES[i % 3] for i in range(40)]
    manifest = pd.DataFrame({"id": ids, "label": labels})
    images = pd.DataFrame(
        {"id": ids, "url": "", "status": "ok", "reason": "", "width": 640, "height": 480}
    )
    subsets = ["test"] * 10 + ["validation"] * 10 + ["train"] * 20
    holdout = pd.DataFrame({"image_id": ids, "label": labels, "subset": subsets})
    binary = holdout[holdout["label"] != "walking_running"]
    pairs = pd.DataFrame(
        [("p0", "p30", "near", 2)], columns=["image_id_a", "image_id_b", "kind", "distance"]
    )
    (tmp_path / "plot.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    Image.new("RGB", (2, 2)).save(tmp_path / "photo.png")
    plots = ["table_7", "figure_2", "figure_3", "confusion_activity3", "table_3"]
    return report_page.Study(
        config=settings,
        images=images,
        holdouts={"activity3": holdout, "sit_stand": binary},
        audit=overview.audit(pairs, manifest, holdout),
        paper=read_csv(ROOT / "data/paper_results.csv"),
        tables={
            "table_1": overview.table_1(overview.photos(images, manifest), CLASSES),
            "table_2": results(["cnn_base", "fnn_base"]),
            "table_3": results(["none", "cutout"], name="augmentation", subset="validation"),
            "table_4": results(["cnn_base"]),
            "table_5": results(["clip_ic", "vit", "siglip2"], task="sit_stand", best=0.8),
            "table_6": results(["clip_em", "clip_cs"]),
            "table_7": results(["cnn_base", "fnn_base"]),
        },
        figures={
            **dict.fromkeys(plots, tmp_path / "plot.svg"),
            "figure_1": tmp_path / "photo.png",
        },
        metas=[meta("cnn_base", 0), meta("cnn_base", 1)],
        files=["tables/table_2.csv", "figures/photo.png", "splits/sit_stand/holdout.csv"],
        shown={"statistics/anova": ANOVA, "statistics/activity3/calibration": CALIBRATED},
        claims=CLAIMS,
        browser=BROWSER,
    )


def page(study, **changes):
    return Page(report_page.build(dataclasses.replace(study, **changes), TEMPLATE))


def test_page_stands_alone_and_is_sound(study):
    made = page(study)
    names = {tag for tag, _ in made.tags}
    assert names.isdisjoint({"link", "iframe", "object", "embed", "base"})
    assert made.all("src")
    assert all(source.startswith("data:image/") for source in made.all("src"))
    assert not any(attribute.startswith("on") for _, attrs in made.tags for attribute in attrs)
    ids = made.all("id")
    assert len(ids) == len(set(ids))
    assert set(made.all("aria-labelledby")) <= set(ids)
    inside = {link[1:] for link in made.all("href") if link.startswith("#")}
    assert inside <= set(ids)
    assert {"main", "run", "photos", "results", "files"} <= inside
    files = {link for link in made.all("href") if not link.startswith("#")}
    assert files == set(study.files)
    assert all(attrs["alt"] for tag, attrs in made.tags if tag == "img")
    data, script = made.scripts
    assert json.loads(data) == BROWSER
    # The browser itself refuses any other script, and whatever lies outside the page.
    (policy,) = [a["content"] for tag, a in made.tags if tag == "meta" and "http-equiv" in a]
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert "default-src 'none'; img-src data:;" in policy
    assert f"script-src 'sha256-{allowed}';" in policy
    style = TEMPLATE.with_name("report.css").read_text(encoding="utf-8")
    assert "url(" not in style
    assert "@import" not in style


def test_page_opens_with_the_answer(study):
    text = page(study).text
    assert (
        "cnn_base tells walking_running, sitting and standing apart best: right on 50.0 % of 10 "
        "test photos (95 % interval 46.0 % to 54.0 %). Always answering the largest class is right "
        "on 40.0 %." in text
    )
    assert "Its whole interval, over 5 seeds, lies above" in text
    assert "fnn_base, is right on 30.0 %; the two intervals do not overlap." in text
    assert "23.7 % to 76.3 % (Wilson). " in text  # 5 of 10


def test_the_best_of_eight_is_flattered(study):
    eight = results(list(study.config.tasks["activity3"].models), best=0.9)
    text = page(study, tables={**study.tables, "table_7": eight}).text
    assert "(Wilson); to be the best of 8 models on them flatters it." in text
    assert len(eight) == 8


def test_each_statement_is_about_its_own_photos(study):
    made = page(study)
    assert "Holdout split activity3: 20 train, 10 validation, 10 test; sit_stand:" in made.text
    # Of the 10 test photos 4 are of people walking; 3 and 3 are left.
    section = made.cells("Which pretrained model, sitting or standing?")
    assert "clip_ic tells sitting and standing apart best: right on 80.0 % of 6 test" in section
    assert "Always answering the largest class is right on 50.0 %." in section
    table_5 = made.cells("Table 5.")
    assert "on the 6 test photos of sit_stand (0 to 1)" in table_5
    assert "50.0 % of this study's 6 test photos and on 12 of 20 (60.0 %) of the paper's" in table_5
    assert "siglip2 5 0.400 ± 0.031 † [0.36, 0.44] 0.3862 † 0.400" in table_5
    table_6 = made.cells("Table 6.")
    assert "on the 10 test photos of activity3 (0 to 1)" in table_6
    assert "40.0 % of this study's 10 test photos and on 13 of 29 (44.8 %)" in table_6
    assert "splits/sit_stand/holdout.csv" in made.all("href")


def test_each_model_is_explained_from_the_config(study):
    text = page(study).cells("The models")
    assert "fnn_base A dense network, trained from random weights." in text
    assert "cnn_gen A convolutional network with augmentation, batch norm and dropout, " in text
    assert "vit The pretrained vit, trained further together with a new last layer." in text
    assert "clip_em A dense network, trained on what the pretrained clip makes of a photo" in text
    assert "to each class's prompts; clip stays as it is." in text
    backbone = study.config.backbones["siglip2"].weights.removeprefix("hub:")
    assert f"siglip2: {backbone}" in page(study).text
    head = study.config.models["clip_ic"].model_copy(update={"head": "text", "prompts": "words"})
    models = {**study.config.models, "clip_ic": head}
    changed = study.config.model_copy(update={"models": models})
    assert "a new last layer, which starts from the classes' prompts." in page(
        study, config=changed
    ).cells("The models")


def test_a_study_of_a_users_own_has_no_word_of_what_it_lacks(study):
    """One task, of the user's labels, with models from scratch only."""
    task = study.config.tasks["sit_stand"].model_copy(update={"models": ["fnn_base"]})
    own = study.config.model_copy(update={"tasks": {"kitchen": task}})
    mine = results(["fnn_base"], task="kitchen")
    mine[[f"{metric}_paper" for metric in comparison.METRICS]] = float("nan")
    made = page(
        study,
        config=own,
        holdouts={"kitchen": study.holdouts["sit_stand"]},
        tables={"table_2": mine, "table_7": mine},
        figures={},
        files=[],
        shown={},
        claims=None,
        browser=None,
    )
    assert "fnn_base tells sitting and standing apart best" in made.text
    assert (
        "Always answering the largest class is right on 50.0 % of this study's 6 test photos; "
        in made.cells("Table 2.")
    )
    for word in ("Table 5", "Figure 3", "Which augmentation?", "sitting or standing?", "285"):
        assert word not in made.text.partition("The whole config")[0]
        assert word in page(study).text
    assert "paper" not in made.cells("How to read the tables").partition("What else could")[0]
    assert "sit_stand" not in made.cells("The photos")
    assert "features" not in made.cells("What does a model cost?").partition("How sure?")[0]
    for word in ("class counts of the paper's", "Here CLIP itself", "paper's own Table 7"):
        assert word not in made.text
        assert word in page(study).text


def many(study, count):
    """The study with the labels c0, c1, ... of which the model tells apart `count`."""
    classes = [f"c{i}" for i in range(count)]
    task = study.config.tasks["activity3"].model_copy(update={"classes": classes})
    given = [1000000 // count] * count
    browser = {
        **BROWSER,
        "classes": classes,
        "groups": [{"name": "test", "photos": [[0, [given]]]}],
    }
    tasks = {**study.config.tasks, "activity3": task}
    own = study.config.model_copy(update={"tasks": tasks})
    return page(study, config=own, browser=browser)


def test_no_two_classes_have_one_colour(study):
    def legend(made):
        words = made.text.partition("Reset")[2].partition("Files")[0]
        (app,) = [attrs for _, attrs in made.tags if attrs.get("id") == "browser-app"]
        hues = [part.split(":")[1].strip() for part in app["style"].split(";")[:-1]]
        assert len(hues) == len(set(hues))
        return words.strip(), "data-many" in app

    words, roles = legend(many(study, 7))
    assert words.startswith("c0 c1 c2 c3 c4 c5 c6")
    assert not roles
    words, roles = legend(many(study, 8))
    assert words.startswith("true class wrong answer all others")
    assert roles


def test_many_classes_are_counted_in_the_headline(study):
    assert "cnn_base tells c0, c1, c2, c3, c4, c5 and c6 apart best" in many(study, 7).text
    assert "cnn_base tells 50 classes apart best" in many(study, 50).text


def test_answer_admits_what_is_not_settled(study):
    close = results(["a", "b"])
    close["accuracy_ci_low"], close["accuracy_ci_high"] = [0.35, 0.2], [0.6, 0.4]
    text = page(study, tables={**study.tables, "table_7": close}).text
    assert "Its interval reaches down to that constant answer" in text
    assert "the two intervals overlap, so that their order is not settled" in text
    poor = results(["a", "b"]).iloc[1:]
    text = page(study, tables={**study.tables, "table_7": poor}).text
    assert "Not even the best model beats that constant answer." in text


def test_page_tells_what_was_run(study):
    text = page(study).text
    assert "40 rows in the manifest: 40 photos, 0 left out" in text
    assert "10 test; sit_stand: 13 train, 7 validation, 6 test; seed 42" in text
    assert "2 runs, 2 min 2 s added up over the runs" in text
    assert "python 3.12.1, torch 2.14.0" in text
    assert "cnn_base activity3 2 4,287,875 11 61.0 701" in text
    assert "sitting 6 4 3 13" in text  # train, validation, test, all
    rate = study.config.recipes.from_scratch.learning_rate
    assert f"learning_rate: {rate}" in text
    assert "Figure 1. Examples" in text
    assert "File: figures/photo.png" in text
    assert "1 pair is divided between two subsets" in text


def test_results_stand_beside_the_papers(study):
    made = page(study)
    table_2 = made.cells("Table 2.")
    assert "cnn_base 5 0.500 ± 0.031 [0.46, 0.54] 0.3862 † 0.500" in table_2
    assert "fnn_base 5 0.300 ± 0.031 † [0.26, 0.34] 0.3862 †" in table_2
    assert (
        "40.0 % of this study's 10 test photos and on 13 of 29 (44.8 %) of the paper's" in table_2
    )
    # The paper's validation photos are not described: its figures there bear no mark.
    assert "none 5 0.500 ± 0.031 [0.46, 0.54] 0.3862 0.500" in made.cells("Table 3.")
    assert "In the paper's table, not in this study: cnn_gen." in made.cells("Table 4.")


def test_statistics_are_shown_as_they_are(study):
    made = page(study)
    anova = made.cells("The paper's analysis of variance.")
    assert "test f df1 p note anova 23.5 6 < 0.001 welch – 6 0.0421 1 1: vit is left out." in anova
    whole = [attrs["data-value"] for _, attrs in made.tags if "data-value" in attrs]
    assert whole == ["23.4562", "6", "1e-09", "nan", "6", "0.0421", "-0.12345"]
    assert "model ece vit −0.123" in made.cells("Calibration: activity3.")
    assert "EM beats CS undecided p .4 That a model beats another" in made.text
    empty = page(study, shown={"statistics/anova": ANOVA.iloc[:0]})
    assert "The paper's analysis of variance: this study has nothing to show." in empty.text


def test_a_long_table_of_statistics_is_folded(study):
    def folded(rows):
        table = pd.DataFrame({"model": ["vit"] * rows})
        return "a table of" in page(study, shown={"statistics/activity3/pairs": table}).text

    assert [folded(20), folded(21)] == [False, True]


def located(model, metric, value, **more):
    row = dict(model=model, method="legrad_2", answers="all", metric=metric, photos=29)
    row |= dict(value=value, ci_low=value - 0.1, ci_high=value + 0.1, chance=0.25, centre=0.4)
    return {**row, **more}


LOCATED = pd.DataFrame(
    [
        located("vit", "energy", 0.5),
        located("vit", "insertion", 0.7, photos=30, chance=np.nan, ci_low=np.nan, ci_high=np.nan),
        located("vit", "energy", 0.3, method="centre"),
    ]
)


def test_a_table_with_a_row_a_metric_has_a_column_a_metric(study):
    shown = {"explain/activity3/localisation": LOCATED}
    notes = pd.DataFrame({"model": ["clip_ic"], "note": ["clip_ic is not looked into: no blocks."]})
    made = page(study, shown={**shown, "explain/activity3/notes": notes})
    table = made.cells("Whether maps lie on people: activity3.")
    assert "model method answers photos chance centre energy insertion" in table
    assert "vit legrad_2 all 29 0.25 0.4 0.5 [0.4, 0.6] 0.7 vit centre all" in table
    assert "50 % [40, 60] of the relevance that legrad_2 finds" in made.text
    assert "clip_ic is not looked into: no blocks." in made.text


def test_an_interval_stands_in_the_cell_of_its_value(study):
    covered = pd.DataFrame({"model": ["vit"], "difference": [0.25], "difference_ci_low": [0.1]})
    covered["difference_ci_high"] = 0.4
    made = page(study, shown={"explain/activity3/covered": covered})
    table = made.cells("Accuracy with people covered: activity3.")
    assert "model difference vit 0.25 [0.1, 0.4]" in table


CORRUPTED = pd.DataFrame(
    [
        ("vit", "clean", 0, 0.8, 0.0, 0.0, 0.0),
        ("vit", "all", None, 0.6, -0.2, -0.3, -0.1),
        ("vit", "fog", 3, 0.6, -0.2, -0.3, -0.1),
        ("vit", "fog", None, 0.6, -0.2, -0.3, -0.1),
    ],
    columns=[
        "model",
        "corruption",
        "severity",
        "accuracy",
        "accuracy_difference",
        "accuracy_difference_ci_low",
        "accuracy_difference_ci_high",
    ],
).assign(photos=29)


def test_what_corruption_costs_is_told_and_shown(study, tmp_path):
    made = page(
        study,
        shown={"robustness/activity3/corrupted": CORRUPTED},
        figures={**study.figures, "robustness_activity3": tmp_path / "plot.svg"},
    )
    assert (
        "vit is right on 80.0 % of the 29 photos, and on 60.0 % when they are corrupted (−20 "
        "points, 95 % interval −30 to −10); it loses most by fog (−20 points, 95 % interval −30 to "
        "−10)."
    ) in made.text
    assert "vit fog 3 0.6 −0.2 [−0.3, −0.1]" in made.cells("Answers about corrupted photos")
    assert "robustness_activity3-figure" in made.all("id")
    assert "No model was asked about corrupted photos" not in made.text


def test_where_nothing_is_asked_the_report_says_how_to(study):
    made = page(study)
    assert "name models of activity3 under robustness.models in the config" in made.text
    assert "Named there, but not asked" not in made.text
    asking = study.config.robustness.model_copy(update={"models": ["clip_views", "other"]})
    settings = study.config.model_copy(update={"robustness": asking})
    told = "since they are no models of activity3, or views: clip_views, other."
    assert told in page(study, config=settings).text


def test_every_table_and_figure_names_its_blocks_of_the_config(study):
    made = page(study)
    blocks = {link for link in made.all("href") if link.startswith("#config-")}
    assert blocks >= {f"#config-{key}" for key in ("models", "recipes", "seeds", "splits")}
    table_3 = made.cells("Table 3. The same")
    assert "(0 to 1). Config: augmentation_study , recipes , seeds" in table_3
    shown = {f"config-{key}" for key in type(study.config).model_fields}
    afterwards = {f"config-{key}" for key in ("photos", "use", "predict")}  # no part of the study
    assert shown & set(made.all("id")) == shown - afterwards
    assert "recipes: from_scratch: learning_rate:" in made.cells("The whole config")


def test_table_1_shows_the_sizes(study):
    text = page(study).cells("Table 1.")
    assert "sitting 13 32.5 % 640 640 0 480 480 0 1.33 1.33 0.00" in text
    assert "Overall 40 100.0 % 640" in text


def test_single_run_has_no_interval(study):
    alone = {name: results(["cnn_base"], runs=1) for name in report_page.RESULTS}
    text = page(study, tables={**study.tables, **alone}).text
    assert "50.0 % of 10 test photos (one run)" in text
    assert "With a single run, nothing is known of how far another seed would differ." in text
    assert "cnn_base 1 0.500 0.3862" in text
    assert "One run, hence no deviation and no interval: cnn_base." in text
    assert "nan" not in text.lower()


def test_seeds_that_are_all_the_same_have_no_interval_to_tell(study):
    table = results(["cnn_base", "fnn_base"])
    table.loc[0, ["accuracy_ci_low", "accuracy_ci_high"]] = [0.5 - 1e-16, 0.5 + 1e-16]
    text = page(study, tables={**study.tables, "table_7": table}).text
    assert "right on 50.0 % of 10 test photos (the same with each of 5 seeds)." in text
    assert "It lies above that constant answer." in text


def test_what_is_not_there_is_said(study):
    nothing = {"shown": {}, "claims": None, "browser": {**BROWSER, "groups": []}}
    made = page(study, tables={}, figures={}, metas=[], audit=study.audit.iloc[:0], **nothing)
    text = made.text
    assert len(made.scripts) == 1
    assert "Statistics over models are not part of this study." in text
    assert "Calibration is not part of this study." in text
    assert "No model of this study is a fine-tuned one, and maps are made of those." in text
    assert "There are no predictions, and so no errors to look at." in text
    assert "The paper's claims are not judged in this study." in text
    assert "There are no predictions to look through." in text
    assert "Loss by epoch is not part of this study." in text
    assert "No model of activity3 has results on the test photos." in text
    assert "No run has left a record of its cost." in text
    assert "Table 1 is not part of this study." in text
    assert "Figure 1 is not part of this study." in text
    for number in range(2, 8):
        assert f"No row of Table {number} is part of this study; the paper's has" in text
    assert "Figure 3 is not part of this study." in text
    assert "Which class is taken for which is not part of this study." in text
    assert "No photo is an exact or near-duplicate of another." in text


def test_photos_left_out_are_listed_with_their_reasons(study):
    images = study.images.copy()
    images.loc[3, ["status", "reason", "url"]] = ["missing", "HTTP 404", "http://host/a.jpg"]
    text = page(study, images=images).text
    assert "40 rows in the manifest: 39 photos, 1 left out" in text
    assert "1 of 40 photos could not be had and is left out of everything below" in text
    assert "p3 HTTP 404 http://host/a.jpg" in text


def test_hostile_text_stays_text(study):
    images, audit = study.images.copy(), study.audit.copy()
    images.loc[3, ["status", "reason"]] = ["missing", HOSTILE]
    images.loc[3, "url"] = "javascript:alert('x')"
    images.loc[3, "id"] = HOSTILE
    audit["label_a"] = HOSTILE
    made = page(
        study,
        images=images,
        audit=audit,
        metas=[meta("cnn_base", 0, device=HOSTILE)],
        files=["javascript:alert('x')", f'tables/"{HOSTILE}'],
        shown={"statistics/t_test": pd.DataFrame({HOSTILE: [HOSTILE]})},
        claims=CLAIMS.assign(claim=HOSTILE),
        browser={**BROWSER, "photos": [{"id": HOSTILE, "label": HOSTILE, "thumbnail": ""}]},
    )
    assert [tag for tag, _ in made.tags].count("script") == 2
    assert json.loads(made.scripts[0])["photos"][0]["id"] == HOSTILE
    assert made.text.count(HOSTILE) == 8
    assert not any(link.startswith("javascript:") for link in made.all("href"))


def test_versions_that_runs_share_are_told_once(study):
    metas = [
        meta("cnn_base", 0),
        meta("vit", 0, versions={"python": "3.12.1", "torch": "2.14.0", "timm": "1.0.31"}),
        meta("vit", 1, versions={"python": "3.12.1", "torch": "2.13.0", "timm": "1.0.31"}),
    ]
    text = page(study, metas=metas).text
    assert "Versions python 3.12.1, torch 2.13.0 and 2.14.0, timm 1.0.31" in text


def test_cost_has_every_model_of_every_task(study):
    run = {"task": "sit_stand", "model": "vit", "split": "holdout", "seed": 0}
    metas = [
        meta("clip_em", 0, seconds=2.5),
        meta("vit", 0, seconds=2405.0, parameters=85800963, peak_memory_mb=5100),
        meta("vit", 0, run=run, seconds=1234.5),
    ]
    text = page(study, metas=metas).cells("What does a model cost?")
    assert "clip_em activity3 1 4,287,875 10 2.5 700" in text
    assert "vit activity3 1 85,800,963 10 2,405.0 5,100" in text
    assert "vit sit_stand 1 4,287,875 10 1,234.5 700" in text
    assert "the features that they learn from are computed once" in text


def test_same_study_same_page(study):
    assert report_page.build(study, TEMPLATE) == report_page.build(study, TEMPLATE)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(41.4, "41 s"), (59.6, "1 min 0 s"), (725, "12 min 5 s"), (12000, "3 h 20 min")],
)
def test_durations_are_told_in_words(study, seconds, said):
    text = page(study, metas=[meta("cnn_base", 0, seconds=seconds)]).text
    assert f"1 run, {said} added" in text


def test_another_dataset_has_its_section(study):
    assert "To test the models on one, with the classes of activity3" in page(study).text
    there = {"model": ["vit", "cnn_base"], "images": 40, "left_out": 3, "runs": 5}
    for name, value in {"accuracy": 0.7, "difference": -0.1}.items():
        there |= {name: value, f"{name}_ci_low": value - 0.1, f"{name}_ci_high": value + 0.1}
    summary = pd.DataFrame({**there, "holdout_accuracy": [0.8, 0.9]})
    classes = pd.DataFrame({"model": ["vit"], "class": ["sitting"], "recall": [0.25]})
    settings = study.config.model_copy(
        update={"external": config.External(name="stanford40", manifest="there.csv")}
    )
    made = page(
        study,
        config=settings,
        figures={**study.figures, "external": study.figures["table_7"]},
        shown={"external/summary": summary, "external/classes": classes},
    )
    assert "vit does best on the 40 photos of stanford40: it is right on 70 % [60, 80]" in made.text
    assert "cnn_base, the best on those (90 %), is right on 70 %" in made.text
    assert "3 more are the study's own" in made.text
    assert "vit 40 3 5 0.7 [0.6, 0.8] −0.1 [−0.2, 0]" in made.cells("Models on the other dataset.")
    assert "vit sitting 0.25" in made.cells("Classes of the other dataset.")
    assert "No second dataset is named" not in made.text
