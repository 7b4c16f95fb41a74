"""The card's numbers are those of given tables, and what is not there is said to be missing."""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from statsmodels.stats.proportion import proportion_confint

from stillact.evaluation import bootstrap
from stillact.inference import model_card
from stillact.inference.deployed import Record
from stillact.recipes.registry import RECIPES
from stillact.recipes.setups import plan_of
from support import deployments

CLASSES = ["walking_running", "sitting", "standing"]
TEMPLATE = Path(__file__).parents[3] / "workflow/report/model_card.md.j2"
EPOCHS = dict(learning_rate=0.01, weight_decay=0.01, batch_size=8, max_epochs=3, patience=3)
PROBE = dict(recipe="linear_probe", backbone="clip", training=dict(c=[1.0], folds=2))
TEXT = dict(recipe="fine_tune", backbone="clip", head="text", prompts="words", training=EPOCHS)

# Of each test photo of the holdout the label and what seeds 4 and 5 say.
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


def contents(cv=True, factors=None, plan=PROBE, licences=(), rows=None, **changes) -> dict:
    rows = predictions(cv) if rows is None else rows
    of_record = dict(scheme="cv" if cv else "holdout", evaluated=30 if cv else 5)
    of_record |= {name: value for name, value in changes.items() if name in Record.model_fields}
    defaults = dict(model="probe", recipe=plan["recipe"], temperature=0.5, threshold=0.7126)
    record = deployments.record(**defaults | of_record)
    backbone = dict(loader="open_clip", name="ViT-B-32", source="hub:them/clip", revision="abc12")
    backbone |= dict(licence="MIT", sha256="ab")
    names = ("task", "model", "recipe", "seed", "temperature", "threshold")
    exported = {name: getattr(record, name) for name in names}
    exported |= dict(classes=CLASSES, backbones=[backbone], detector=None)
    exported |= dict(
        views=[dict(input="photos", size=224)], prompts={"sitting": ["a seat", "sits"]}
    )
    exported["export"] = dict(parameters=87_849_219, image_tower="image.", checked_photos=29)
    exported["export"] |= dict(largest_difference=3.21e-6)
    exported |= {name: value for name, value in changes.items() if name in exported}
    hosts = ["http://photos.example.org/1.jpg"] * 7 + ["file:///here/2.jpg"] * 2
    manifest = pd.DataFrame({"url": hosts})
    return model_card.contents(
        exported,
        record,
        plan_of({"classes": CLASSES, **plan} if "of" not in plan else plan),
        dict(predictions=rows, manifest=manifest, factors=factors),
        licences,
        dict(name="mine", manifest="/home/me/mine.csv"),
    )


def made(**changes) -> str:
    return model_card.render(TEMPLATE, contents(**changes))


def in_one_line(text: str) -> str:
    return " ".join(text.split())


def interval(right: float, photos: float) -> str:
    """With Wilson's interval."""
    low, high = (proportion_confint(right, photos, method="wilson")[end] for end in (0, 1))
    return "{:.1f} % [{:.1f} %, {:.1f} %]".format(*(100 * x for x in (right / photos, low, high)))


def row(text: str, *starts: str) -> list[str]:
    """The cells of the table row that begins with these."""
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    (cells,) = [cells for cells in found if cells[: len(starts)] == list(starts) and len(cells) > 1]
    return cells


def below(text: str, head: str) -> list[str]:
    """The cells of the table row below the head that begins with this."""
    lines = text.splitlines()
    (place,) = [i for i, line in enumerate(lines) if line.startswith(f"| {head} |")]
    return [cell.strip() for cell in lines[place + 2].strip("|").split("|")]


def test_the_accuracy_to_expect_is_that_of_the_record():
    expected = "on new photos like these is 81.0 % [70.0 %, 90.0 %], estimated on"
    text = in_one_line(made())
    assert f"{expected} 30 photos, each predicted by a model that had not seen it." in text
    assert "not cross-validated" not in text
    text = in_one_line(made(cv=False))
    assert f"{expected} 5 test photos of one split; the model is not cross-validated." in text
    assert "each predicted by" not in text


def test_a_warning_of_the_record_stands_first_as_one_sentence():
    lines = made(warning="probe is worse than the recommended b by 9.1 points").splitlines()
    warning = lines.index("**Warning:** probe is worse than the recommended b by 9.1 points.")
    assert lines[warning - 2 : warning] == ["## Evaluation", ""]
    assert "Warning" not in made()


@pytest.mark.parametrize(
    ("cv", "percent", "runs"), [(True, "83.3", "1 run"), (False, "60.0", "2 runs")]
)
def test_the_model_stands_with_the_intervals_of_the_study(cv, percent, runs):
    """25 of 30 in cross-validation, 3 of 5 with either seed on the holdout."""
    text, rows = made(cv=cv), predictions(cv)
    own = rows[rows["model"] == "probe"]
    table = bootstrap.intervals(own, scheme="cv" if cv else "holdout").set_index("metric")
    expected = []
    for metric in ("accuracy", "balanced_accuracy", "macro_f1"):
        ends = table.loc[metric, ["value", "ci_low", "ci_high"]]
        expected.append("{:.1f} % [{:.1f} %, {:.1f} %]".format(*(100 * end for end in ends)))
    assert below(text, "accuracy") == expected
    assert expected[0].startswith(f"{percent} % [")
    assert f"for choosing this model among several, over {runs}:" in text


def test_each_class_has_its_photos_and_recall():
    text = made()
    assert row(text, "sitting")[1:] == ["12", interval(8, 12)]
    assert row(text, "standing")[1:] == ["11", interval(10, 11)]
    assert row(text, "walking_running")[1:] == ["7", interval(7, 7)]
    text = made(cv=False)  # the recall of a single run, not of a vote
    assert row(text, "sitting")[1:] == ["2", interval(1, 2)]
    assert row(text, "standing")[1:] == ["1", interval(0.5, 1)]
    assert row(text, "walking_running")[1:] == ["2", interval(1.5, 2)]


def test_photos_of_a_group_widen_the_interval_of_a_recall():
    rows = predictions(cv=True)
    pairs = [f"{int(image) // 2}" if image.isdigit() else image for image in rows["image_id"]]
    text = made(rows=rows.assign(group=pairs))
    effect = 2 * (6 / 5) / (12 / 11)  # of 6 pairs, whose photos agree, for 12 photos
    assert row(text, "sitting")[1:] == ["12", interval(8 / effect, 12 / effect)]


def errors(text: str) -> list[str]:
    return [line for line in text.splitlines() if " predicted as " in line]


def test_the_classes_that_are_confused_most_come_first():
    assert errors(made()) == [
        "* sitting predicted as standing: 4 of 12 photos",
        "* standing predicted as walking_running: 1 of 11 photos",
    ]
    assert errors(made(cv=False)) == [  # the mean of the runs
        "* sitting predicted as standing: 1 of 2 photos",
        "* walking_running predicted as standing: 0.5 of 2 photos",
        "* standing predicted as sitting: 0.5 of 1 photos",
    ]


def test_thousands_of_errors_are_written_out():
    given = contents()
    given["failures"]["confused"] = [dict(label="a", answer="b", photos=1234.56789, of=54321.0)]
    assert errors(model_card.render(TEMPLATE, given)) == [
        "* a predicted as b: 1234.57 of 54321 photos"
    ]


def test_a_model_without_errors_is_not_called_faultless():
    rows = predictions(cv=True)
    said = rows["label"].to_numpy()[:, None] == np.array(CLASSES)
    rows[[f"prob_{name}" for name in CLASSES]] = np.where(said, 0.6, 0.2)
    text = in_one_line(made(rows=rows))
    assert "None of the 30 photos is misclassified, which does not imply the same" in text
    assert "most frequent errors" not in text


def test_calibration_is_told_before_and_after_the_temperature():
    text = made(cv=False)
    before, after = (row(text, name) for name in ("1", "0.500"))
    right, wrong = -np.log(0.6), -np.log(0.2)
    assert before[1] == f"{(6 * right + 4 * wrong) / 10:.3f}"
    sharp = 0.6**2 / (0.6**2 + 2 * 0.2**2)  # softmax(log p / 0.5)
    losses = 6 * -np.log(sharp) + 4 * -np.log((1 - sharp) / 2)
    assert after[1] == f"{losses / 10:.3f}"
    assert before[2] == f"{(6 * (0.4**2 + 2 * 0.2**2) + 4 * (0.6**2 + 0.8**2 + 0.2**2)) / 10:.3f}"
    assert after[3] == f"{sharp - 0.6:.3f}"  # surer than it is right
    text = made()
    assert row(text, "1")[1] == f"{(25 * right + 5 * wrong) / 30:.3f}"
    assert row(text, "0.500")[3] == f"{25 / 30 - sharp:.3f}"


def test_a_threshold_is_told_with_what_it_stands_for():
    text = in_one_line(made())
    assert "should abstain below a confidence of 0.713" in text
    assert "an accuracy of at least 90.0 % is shown (lower end of the 90 % interval)" in text
    assert "this applies to 62.5 % of the photos" in text
    text = in_one_line(made(threshold=np.nextafter(1, 2)))
    assert "No confidence threshold is shown to reach an accuracy of 90.0 %" in text
    assert 'prints "unsure" for every photo' in text
    assert "should abstain below" not in text


def test_what_the_study_has_not_is_said_to_be_missing():
    text = made(cv=False)
    assert "the model is not cross-validated" in text
    assert "Missing: error rates by factor" in text
    assert "Missing: the manifest has no licences" in text
    assert "nan" not in text.lower()


def test_factors_of_error_are_told_the_surest_first():
    photos = [image for image, *_ in FOLDS]
    wrong = [label != said for _, label, said in FOLDS]
    factors = pd.DataFrame({"image_id": photos, "people": 1.0, "cut_off": "no"})
    factors["votes"] = np.nan
    rng = np.random.default_rng(0)
    for name in ("person_size", "position", "resolution", "overlap"):
        factors[name] = rng.random(len(photos))
    factors["brightness"] = [0.1 + 0.01 * i if w else 0.5 + 0.01 * i for i, w in enumerate(wrong)]
    text = made(factors=factors)
    assert "By factor, ordered by p value:" in text
    sentences = [line for line in text.splitlines() if "error rates " in line]
    assert len(sentences) == 3
    first = (
        "photos that are darkest and that are brightest: error rates 5 of 10 (50 % [24, 76]) and"
    )
    assert f"{first} 0 of 10" in sentences[0]


def test_licences_of_weights_and_photos_are_told():
    urls = ["http://creativecommons.org/licenses/by-nc-nd/2.0/"] * 3 + ["http://x.org/by/"] * 2
    text = made(licences=[*urls, ""])
    assert "* http://creativecommons.org/licenses/by-nc-nd/2.0/: 3" in text
    assert "* http://x.org/by/: 2" in text
    assert "`hub:them/clip`, revision `abc12`" in text
    assert "Their licence is MIT" in text
    assert "photos.example.org (7), local files (2)" in " ".join(text.split())
    unknown = dict(loader="timm", name="x", source="w", revision=None, licence=None)
    text = made(backbones=[unknown])
    assert "**Their licence is unknown.** Determine it" in text
    assert yaml.safe_load(text.split("---")[1])["license"] == "unknown"
    alone = dict(parameters=1000, image_tower="", checked_photos=29, largest_difference=0.0)
    assert "not based on pretrained weights" in made(backbones=[], export=alone)


def test_the_header_is_what_the_hub_reads():
    text = made(accuracy=0.81239)
    assert text.startswith("---\n")
    block = yaml.safe_load(text.split("---\n")[1])
    assert block["license"] == "mit"
    assert (block["library_name"], block["pipeline_tag"]) == ("onnx", "image-classification")
    assert block["base_model"] == "them/clip"
    (model,) = block["model-index"]
    (result,) = model["results"]
    assert model["name"] == "probe"
    assert result["dataset"] == {"name": "mine", "type": "mine"}
    assert result["metrics"] == [{"type": "accuracy", "value": 0.8124, "name": "accuracy"}]


def test_what_else_is_told():
    text = made()
    words = (
        "mine.csv",
        "on all 40 labelled photos, in 12.5 s on cpu: x86_64, with c 3.5.",
        "* sitting: a seat; sits",
        "87 849 219",
    )
    words += ("3.2e-06", "names that begin with `image.`", "which is frozen", "arXiv 2506.13458")
    assert [word for word in words if word not in text] == []
    assert "/home/me" not in text
    assert "{" not in text
    assert "\n\n\n" not in text


@pytest.mark.parametrize("views", [False, True])
def test_a_model_without_training_is_not_said_to_be_trained(views):
    zero_shot = dict(recipe="zero_shot", backbone="clip", prompts="words")
    plan = dict(recipe="tta", of={**zero_shot, "classes": CLASSES}, views=["whole", "flip"])
    text = made(plan=plan if views else zero_shot, chosen={})
    assert "Nothing was trained: ViT-B-32" in text
    assert "trained on all" not in text
    plan["of"] = {**PROBE, "classes": CLASSES}
    assert "on all 40 labelled photos, in 12.5 s on cpu: x86_64.\n" in made(plan=plan, chosen={})


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
