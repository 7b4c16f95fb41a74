"""docs/own_classes.md, followed to the letter: its blocks are this test's files and commands."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from stillact.core.tables import read_csv
from support.projects import TINY, environment, merge

TUTORIAL = Path(__file__).parents[2] / "docs/own_classes.md"
CLASSES = {"cooking": (60, 150, 90), "Läuft & rennt": (80, 80, 190), "reading": (170, 90, 60)}
THEIRS = re.compile("walking|sitting|standing|activity3|sit_stand")  # the shipped study's
PAPER = re.compile(r"paper|2506\.13458|Table [2-9]|Figure \d|this study's|>this study<|anova", re.I)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TUTORIAL.read_text(), re.M | re.S)


def photograph(folder: Path, names: list[str], colour: tuple, rng: np.random.Generator) -> None:
    """Photos of noise around a class's colour."""
    folder.mkdir(parents=True)
    for name in names:
        width, height = rng.integers(40, 80, 2)
        light = rng.normal(0, 25, 3)
        pixels = np.array(colour) + light + rng.normal(0, 40, (height, width, 3))
        Image.fromarray(pixels.clip(0, 255).astype("uint8")).save(folder / name)


class Reader:
    """Somebody with a clone of the project and photos of their own."""

    def __init__(self, folder: Path):
        self.folder = folder
        rng = np.random.default_rng(0)
        odd = ["anna, at home #1.jpg", "Größe.PNG"]
        for label, colour in CLASSES.items():
            names = [*odd, *(f"{i}.jpg" for i in range(10))]
            photograph(folder / "photos" / label, names, colour, rng)
            photograph(folder / "new" / label, [f"{i}.jpg" for i in range(4)], colour, rng)
        (folder / "photos/reading/.DS_Store").write_bytes(b"\0")
        for text in blocks("yaml"):
            (folder / re.match(r"# (\w+\.yaml)\n", text)[1]).write_text(text)

    def enter(self, command: str) -> str:
        """What a command prints."""
        path = f"{Path(sys.executable).parent}:{environment()['PATH']}"
        ran = subprocess.run(
            ["bash", "-ec", command],
            cwd=self.folder,
            env={**environment(), "PATH": path},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=540,
        )
        assert ran.returncode == 0, ran.stdout
        return ran.stdout

    def table(self, name: str) -> pd.DataFrame:
        return read_csv(self.folder / "results" / name)


@pytest.fixture
def reader(project):
    """The tutorial's reader; what it leaves to config.yaml is tiny."""
    config = yaml.safe_load((project.folder / "config.yaml").read_text())
    once = dict.fromkeys(config["cross_validation"], 1) | {"wise_ft": 0}
    tiny = {
        "backbones": {"clip": TINY["backbones"]["clip"]},
        "recipes": {"linear_probe": {"c": [1, 100], "folds": 2}, "mlp": TINY["recipes"]["mlp"]},
        "cross_validation": once,
        "robustness": {"models": []},
        "seeds": [0],
        "device": "cpu",
    }
    config = merge(config, tiny)
    (project.folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    return Reader(project.folder)


def test_the_tutorial(reader):
    dry, run, correct, predict, more, without_hub = blocks("sh")
    assert "This was a dry run" in reader.enter(dry)
    assert not (reader.folder / "results").exists()
    reader.enter(run)
    assert_it_is_about_the_readers_classes(reader)

    assert_photos_can_be_corrected(reader, correct)

    reader.enter(predict)
    answers = reader.table("predict/predictions.csv")
    assert len(answers) == 12
    assert [name for name in answers if "prob_" in name] == [f"prob_{label}" for label in CLASSES]
    truth = answers["path"].str.partition("/")[0]
    assert (answers["predicted"] == truth).mean() > 0.5
    assert "12 photos" in (reader.folder / "results/predict/gallery.html").read_text()

    planned = reader.enter(more)
    assert re.search(r"(?m)^training +\d+  missing output: .*\bprolip\b.*\bfine_tune\b", planned)
    for done in ("linear_probe", "zero_shot", "mlp", "embed_images", "fetch", "split"):
        assert not re.search(rf"\b{done}\b", planned)
    planned = reader.enter(without_hub.replace("snakemake", "snakemake -n --verbose"))
    assert "train_linear_probe_holdout_seed_0" in planned
    assert "Fetching the weights of efficientnet_lite0" in planned


def assert_photos_can_be_corrected(reader, command):
    first, second, third = reader.table("review.csv").head(3).itertuples()
    urls = reader.table("data/images.csv").set_index("id")["url"]
    saved = pd.DataFrame(
        {
            "id": [first.image_id, second.image_id, third.image_id],
            "photo": urls[[first.image_id, second.image_id, third.image_id]],
            "label": [first.label, second.label, third.label],
            "action": ["relabel", "relabel", "drop"],
            "new_label": [*(next(c for c in CLASSES if c != r.label) for r in (first, second)), ""],
        }
    )
    saved.to_csv(reader.folder / "corrections.csv", index=False)
    reader.enter(command)
    done = reader.table("corrected.csv")
    assert [Path(path).parent.name for path in done["now"][:2]] == saved["new_label"].tolist()[:2]
    assert all((reader.folder / path).is_file() for path in done["now"])
    assert "photos_dropped" in done["now"][2]
    assert len([path for path in (reader.folder / "photos").rglob("*") if path.suffix]) == 35


def assert_it_is_about_the_readers_classes(reader):
    predictions = reader.table("predictions/photos.csv")
    assert [name for name in predictions if "prob_" in name] == [f"prob_{c}" for c in CLASSES]
    assert set(predictions["label"]) == set(CLASSES)
    texts = reader.table("embeddings/clip/texts_sentences.csv")
    assert texts.groupby("class", sort=False)["text"].agg(list).to_dict() == {
        label: [f"a photo of a person {label}."] for label in CLASSES
    }
    recipes = reader.table("selection/recipes.csv").set_index(["scheme", "model"])
    models = {"clip_zero_photo", "clip_zero_ensemble", "clip_probe", "clip_em"}
    assert set(recipes.loc["cv"].index) == models
    assert recipes.loc[("cv", "clip_probe"), "images"] == 36
    assert recipes.loc[("cv", "clip_probe"), "accuracy"] > 0.5  # of photos that differ in colour

    results = reader.folder / "results"
    names = [path.relative_to(results).as_posix() for path in results.rglob("*")]
    assert [name for name in names if re.search("table_[2-7]|anova|t_test|claims", name)] == []
    kinds = ("csv", "md", "tex", "svg")
    told = [path for kind in kinds for path in results.rglob(f"*.{kind}")]
    assert len(told) > 50
    for words in (THEIRS, PAPER):
        assert [path for path in told if words.search(path.read_text())] == []
    page = (results / "report.html").read_text()
    answer = json.loads((results / "answer.json").read_text())
    assert answer["verdict"] != "nothing_shown"
    assert f"Use {answer['model']} to distinguish cooking, Läuft &amp; rennt and reading" in page
    shown = re.sub('src="data:[^"]*"|<style>.*?</style>', "", page, flags=re.S)
    assert not THEIRS.search(shown.partition("<pre>")[0])
    assert PAPER.findall(shown) == []
