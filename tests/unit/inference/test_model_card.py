"""The card's numbers are those of given tables, and what is not there is said to be missing."""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.stats import binomtest

from stillact.evaluation import bootstrap
from stillact.inference import model_card
from stillact.recipes.registry import RECIPES
from stillact.recipes.setups import plan_of

CLASSES = ["walking_running", "sitting", "standing"]
TEMPLATE = Path(__file__).parents[3] / "workflow/report/model_card.md.j2"
EPOCHS = dict(learning_rate=0.01, weight_decay=0.01, batch_size=8, max_epochs=3, patience=3)
PROBE = dict(recipe="linear_probe", backbone="clip", training=dict(c=[1.0], folds=2))
TEXT = dict(recipe="fine_tune", backbone="clip", head="text", prompts="words", training=EPOCHS)

# Of each test photo of the holdout the label and what seed 4, which is exported, and seed 5 say.
HOLDOUT = [
    ("a", "walking_running", "walking_running", "walking_running"),
    ("b", "walking_running", "walking_running", "standing"),
    ("c", "sitting", "sitting", "sitting"),
    ("d", "sitting", "standing", "standing"),
    ("e", "standing", "sitting", "standing"),
]
# Of each photo the label and what its fold says.
FOLDS = [
    *[(f"{i:02}", "sitting", "sitting") for i in range(8)],
    *[(f"{i:02}", "sitting", "standing") for i in range(8, 12)],
    *[(f"{i:02}", "standing", "standing") for i in range(12, 22)],
    *[(f"{i:02}", "standing", "walking_running") for i in range(22, 23)],
    *[(f"{i:02}", "walking_running", "walking_running") for i in range(23, 30)],
]


def answer(said: str) -> dict[str, float]:
    return {f"prob_{name}": 0.6 if name == said else 0.2 for name in CLASSES}


def predictions(cv: bool) -> pd.DataFrame:
    rows = []
    for image, label, *said in HOLDOUT:
        for seed, one in zip((4, 5), said, strict=True):
            run = dict(split="holdout", seed=seed, image_id=image, label=label)
            rows.append(run | answer(one))
    for image, label, said in FOLDS if cv else []:
        run = dict(split=f"cv_0_{int(image) % 3}", seed=4, image_id=image, label=label)
        rows.append(run | answer(said))
    own = pd.DataFrame(rows).assign(task="activity3", model="probe", subset="test")
    other = own.assign(model="other", label="sitting")
    return pd.concat([other, own], ignore_index=True)


def told(cv=True, factors=None, plan=PROBE, source=None, **changes) -> dict:
    rows = predictions(cv)
    own = rows[rows["model"] == "probe"]
    tested = {s: bootstrap.intervals(own, scheme=s).to_dict("records") for s in ("holdout", "cv")}
    record = dict(task="activity3", model="probe", recipe="linear_probe", seed=4, temperature=0.5)
    record |= dict(threshold=0.7126, accuracy_wanted=0.9, tested=tested, chosen_on="cv")
    record |= dict(validation=dict(answered=0.625))
    backbone = dict(loader="open_clip", name="ViT-B-32", source="hub:them/clip", revision="abc12")
    backbone |= dict(licence="MIT", sha256="ab")
    exported = dict(task="activity3", model="probe", recipe="linear_probe", seed=4, run="results/x")
    exported |= dict(classes=CLASSES, temperature=0.5, threshold=0.7126, backbone=backbone)
    exported |= dict(preprocessing=dict(size=224), prompts={"sitting": ["a seat", "sits"]})
    exported["export"] = dict(parameters=87_849_219, image_tower="image.", checked_photos=29)
    exported["export"] |= dict(largest_difference=3.21e-6)
    for block in (exported, record):
        block |= {name: value for name, value in changes.items() if name in block}
    holdout = pd.DataFrame(
        [(f"t{i}", CLASSES[i % 3], "train") for i in range(20)]
        + [(image, label, "test") for image, label, *_ in HOLDOUT],
        columns=["image_id", "label", "subset"],
    )
    hosts = ["http://photos.example.org/1.jpg"] * 7 + ["file:///here/2.jpg"] * 2
    manifest = pd.DataFrame({"url": hosts})
    source = pd.DataFrame({"url": []}) if source is None else source
    meta = dict(seconds=12.5, device="cpu: x86_64", epochs=0, chosen={"c": 3.5})
    tables = dict(predictions=rows, holdout=holdout, manifest=manifest, source=source)
    return model_card.told(
        exported,
        record,
        meta,
        plan_of({"classes": CLASSES, **plan} if "of" not in plan else plan),
        {**tables, "factors": factors},
        dict(name="mine", manifest="/home/me/mine.csv"),
    )


def made(**changes) -> str:
    return model_card.render(TEMPLATE, told(**changes))


def interval(right: int, photos: int) -> str:
    found = binomtest(right, photos).proportion_ci(method="wilson")
    rate, low, high = (f"{100 * share:.1f} %" for share in (right / photos, found.low, found.high))
    return f"{right} of {photos}: {rate} [{low}, {high}]"


def row(text: str, *starts: str) -> list[str]:
    """The cells of the table row that begins with these."""
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    (cells,) = [cells for cells in found if cells[: len(starts)] == list(starts) and len(cells) > 1]
    return cells


def test_the_exported_run_stands_with_its_own_rate():
    assert f"(seed 4) on the test photos: {interval(3, 5)}" in " ".join(made().split())


def test_the_model_stands_with_the_intervals_of_the_study():
    context, text = told(), made()
    holdout = {r["metric"]: r for r in context["record"]["tested"]["holdout"]}
    cells = row(text, "holdout", "5")
    accuracy = [f"{100 * holdout['accuracy'][name]:.1f}" for name in ("value", "ci_low", "ci_high")]
    assert cells[2] == "2"  # runs
    assert cells[3] == "{} % [{} %, {} %]".format(*accuracy)
    assert accuracy[0] == "60.0"  # 3 of 5 with either seed
    assert row(text, "cross-validation", "30", "1")[3].startswith("83.3 % [")  # 25 of 30
    assert "not cross-validated" not in text


def test_each_class_has_its_photos_and_recall():
    text = made()
    assert row(text, "sitting")[1:] == ["7", "0", "2", interval(1, 2), interval(8, 12)]
    assert row(text, "standing")[1:] == ["6", "0", "1", interval(0, 1), interval(10, 11)]


def test_the_classes_that_are_confused_most_come_first():
    lines = [line for line in made().splitlines() if " predicted as " in line]
    assert lines == [
        "* sitting predicted as standing: 4 of 12 photos",
        "* standing predicted as walking_running: 1 of 11 photos",
    ]
    assert "In cross-validation (majority votes on 30 photos)" in made()


def test_calibration_is_told_before_and_after_the_temperature():
    text = made()
    before, after = (row(text, "holdout", name) for name in ("1", "0.500"))
    right, wrong = -np.log(0.6), -np.log(0.2)
    assert before[2] == f"{(6 * right + 4 * wrong) / 10:.3f}"
    sharp = 0.6**2 / (0.6**2 + 2 * 0.2**2)  # softmax(log p / 0.5)
    losses = 6 * -np.log(sharp) + 4 * -np.log((1 - sharp) / 2)
    assert after[2] == f"{losses / 10:.3f}"
    assert before[3] == f"{(6 * (0.4**2 + 2 * 0.2**2) + 4 * (0.6**2 + 0.8**2 + 0.2**2)) / 10:.3f}"
    assert after[4] == f"{sharp - 0.6:.3f}"  # surer than it is right


def test_a_threshold_is_told_with_what_it_stands_for():
    text = " ".join(made().split())
    assert "should abstain below a confidence of 0.713" in text
    assert "at least 90.0 %; this applies to 62.5 % of them" in text
    text = " ".join(made(threshold=np.nextafter(1, 2)).split())
    assert "No confidence threshold reaches an accuracy of 90.0 %" in text
    assert 'prints "unsure" for every photo' in text


def test_what_the_study_has_not_is_said_to_be_missing():
    text = made(cv=False)
    assert "The model was not cross-validated" in text
    assert row(text, "sitting")[5] == "not cross-validated"
    assert "On the test photos of the holdout (majority votes on 5 photos)" in text
    assert "Missing: error rates by factor" in text
    assert "Missing: the manifest has no licences" in text
    assert "nan" not in text.lower()


def test_factors_of_error_are_told_the_surest_first():
    photos = [image for image, *_ in FOLDS]
    wrong = [label != said for _, label, said in FOLDS]
    factors = pd.DataFrame({"image_id": photos, "people": 1.0, "cut_off": "no"})
    rng = np.random.default_rng(0)
    for name in ("person_size", "position", "resolution", "overlap"):
        factors[name] = rng.random(len(photos))
    factors["brightness"] = [0.1 + 0.01 * i if w else 0.5 + 0.01 * i for i, w in enumerate(wrong)]
    sentences = [line for line in made(factors=factors).splitlines() if "error rates " in line]
    assert len(sentences) == 3
    first = (
        "photos that are darkest and that are brightest: error rates 5 of 10 (50 % [24, 76]) and"
    )
    assert f"{first} 0 of 10" in sentences[0]


def test_licences_of_weights_and_photos_are_told():
    urls = ["http://creativecommons.org/licenses/by-nc-nd/2.0/"] * 3 + ["http://x.org/by/"] * 2
    text = made(source=pd.DataFrame({"license_url": [*urls, ""]}))
    assert "* http://creativecommons.org/licenses/by-nc-nd/2.0/: 3" in text
    assert "* http://x.org/by/: 2" in text
    assert "`hub:them/clip`, revision `abc12`" in text
    assert "Their licence is MIT" in text
    assert "photos.example.org (7), local files (2)" in " ".join(text.split())
    unknown = dict(loader="timm", name="x", source="w", revision=None, licence=None)
    text = made(backbone=unknown)
    assert "**Their licence is unknown.** Determine it" in text
    assert yaml.safe_load(text.split("---")[1])["license"] == "unknown"
    alone = dict(parameters=1000, image_tower="", checked_photos=29, largest_difference=0.0)
    assert "not based on pretrained weights" in made(backbone=None, export=alone)


def test_the_header_is_what_the_hub_reads():
    text = made()
    assert text.startswith("---\n")
    block = yaml.safe_load(text.split("---\n")[1])
    assert block["license"] == "mit"
    assert (block["library_name"], block["pipeline_tag"]) == ("onnx", "image-classification")
    assert block["base_model"] == "them/clip"
    (model,) = block["model-index"]
    metrics = {m["name"]: m["value"] for m in model["results"][0]["metrics"]}
    assert metrics["accuracy (holdout)"] == 0.6
    assert metrics["accuracy (cross-validation)"] == round(25 / 30, 4)


def test_what_else_is_told():
    text = made()
    words = ("mine.csv", "12.5 s on cpu", "c 3.5", "* sitting: a seat; sits", "87 849 219")
    words += ("3.2e-06", "names that begin with `image.`", "which is frozen", "arXiv 2506.13458")
    assert [word for word in words if word not in text] == []
    assert "/home/me" not in text
    assert "{" not in text
    assert "\n\n\n" not in text


@pytest.mark.parametrize(
    ("plan", "words", "sources"),
    [
        (PROBE, "logistic regression on the embeddings of B", []),
        (TEXT, "starts from the embeddings of the classes' prompts", ["2109.01903"]),
        (
            dict(recipe="wise_ft", of={**TEXT, "classes": CLASSES}, training=dict(steps=4)),
            "The fine-tuned model: The image tower of B",
            ["2109.01903"],
        ),
        (
            dict(recipe="zero_shot", backbone="clip", prompts="words"),
            "Nothing was trained: B",
            ["2103.00020"],
        ),
    ],
)
def test_recipes_are_told_in_words(plan, words, sources):
    typed = plan_of({"classes": CLASSES, **plan} if "of" not in plan else plan)
    said, found = RECIPES[typed.recipe].card(typed, "B")
    assert words in said
    assert "{}" not in said
    assert said.endswith(".")
    assert found == sources


def test_every_table_has_rows_of_one_width():
    lines = made().splitlines()
    for is_table, group in itertools.groupby(lines, key=lambda line: line.startswith("|")):
        rows = list(group)
        if is_table:
            assert len({line.count("|") for line in rows}) == 1, rows
            assert set(rows[1]) == set("| -")
