"""The sentences of the report's first level."""

import pandas as pd
import pytest

from stillact.evaluation.shown import Shown
from stillact.report import first_level
from support.reports import ANSWER

COUNTS = pd.DataFrame(
    [
        ("vit", "cv", "sitting", "sitting", 6.0),
        ("vit", "cv", "sitting", "standing", 4.0),
        ("vit", "cv", "standing", "sitting", 1.0),
        ("vit", "cv", "standing", "standing", 9.0),
        ("other", "cv", "sitting", "sitting", 8.0),
        ("other", "cv", "sitting", "standing", 2.0),
        ("other", "cv", "standing", "sitting", 9.0),
        ("other", "cv", "standing", "standing", 1.0),
    ],
    columns=["model", "scheme", "label", "predicted", "photos"],
)


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ("vit", "On the 20 photos, vit most often takes sitting for standing: 40.0 % of the 10"),
        (
            "absent",
            "On the 20 photos, the 2 models below, on average, most often take standing for "
            "sitting: 50.0 % of the 10",
        ),
    ],
)
def test_the_most_frequent_mistake_is_of_the_chosen_model_where_it_is_known(chosen, told):
    assert first_level.on_confusion(COUNTS, chosen).replace("\xa0", " ").startswith(told)


def test_a_model_without_mistakes_makes_none():
    right = COUNTS[COUNTS["label"] == COUNTS["predicted"]].assign(scheme="holdout")
    assert first_level.on_confusion(right, "vit") == "On the 15 test photos, vit makes no mistake."
    assert first_level.on_confusion(None, "vit") == ""


def saliency(value, low, high, centre=0.4):
    row = dict(model="vit", answers="all", metric="energy", value=value, centre=centre)
    return pd.DataFrame([row | dict(ci_low=low, ci_high=high)])


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (saliency(0.5, 0.45, 0.55), "more for vit (50 % against 40 %). Only models with more"),
        (saliency(0.3, 0.25, 0.35), "less for vit (30 % against 40 %). The maps do not show"),
        (saliency(0.42, 0.35, 0.5), "neither more nor less for vit (42 % against 40 %). The maps"),
    ],
)
def test_saliency_on_people_is_judged_against_a_blob_in_the_middle(row, verdict):
    (text,) = first_level.on_people(row, None, None)
    assert verdict in text.replace("\xa0", " ")


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (0.1, 0.4, "it relies on people."),
        (-0.1, 0.2, "that it relies on people is not shown."),
        (-0.3, -0.1, "it relies more on the background than on people."),
    ],
)
def test_covering_people_is_judged_by_the_interval_of_the_difference(low, high, told):
    row = dict(model="vit", fill="mean", photos=29, accuracy_nothing=0.8, accuracy_person=0.5)
    row |= dict(accuracy_background=0.7, difference_ci_low=low, difference_ci_high=high)
    (text,) = first_level.on_people(None, pd.DataFrame([row]), "vit")
    assert text.endswith(told)


def steps(found, wrong=0, labelled=None, gain=""):
    return dict(first_level.on_next(found, wrong, labelled, gain))


def test_more_photos_are_asked_for_where_they_would_tell_something():
    nothing = {"verdict": "nothing_shown", "model": None}
    lacking = ANSWER.model_copy(update=nothing | {"images": 45, "needed": 120})
    assert "Label about 75 more" in steps(lacking)["More photos?"]
    enough = ANSWER.model_copy(update=nothing | {"images": 450, "needed": 120})
    assert "rarest classes" in steps(enough)["More photos?"]
    assert f"label about {3 * ANSWER.images} more" in steps(ANSWER)["More photos?"]


def test_what_more_photos_would_bring_is_told_where_something_is_shown():
    last = {"model": "probe", "gain": 0.0234, "gain_low": 0.004, "gain_high": 0.051}
    curve = pd.DataFrame([{"model": "probe"}, last])
    told = first_level.on_gain(ANSWER, curve)
    assert "probe would gain 2.3 points from twice as many photos" in told
    assert "(95 % interval 0.4 to 5.1)" in told
    assert steps(ANSWER, gain=told)["More photos?"].endswith(told)
    nothing = ANSWER.model_copy(update={"verdict": "nothing_shown", "model": None})
    assert first_level.on_gain(nothing, curve) == ""
    assert first_level.on_gain(ANSWER, curve[:0]) == first_level.on_gain(None, curve) == ""


def test_photos_that_all_models_misclassify_are_to_be_checked():
    assert "the labels of the 3 photos above" in steps(ANSWER, 3)["Labels"]
    assert "Labels" not in steps(ANSWER, 0)


def test_where_nothing_is_shown_misclassified_photos_say_nothing_of_their_labels():
    nothing = ANSWER.model_copy(update={"verdict": "nothing_shown", "model": None, "needed": 9})
    assert "Labels" not in steps(nothing, 3)
    of = Shown("cv", ["a", "b"], 45, "45 photos")
    assert first_level.on_wrong(of, 3, nothing).endswith("that may be chance.")
    assert first_level.on_wrong(of, 3, ANSWER).endswith("2 models: hard, or mislabelled.")


@pytest.mark.parametrize(
    ("labelled", "options"),
    [(None, "photos=FOLDER"), ("my photos", "labelled='my photos' photos=FOLDER")],
)
def test_the_command_for_new_photos_is_complete(labelled, options):
    told = steps(ANSWER, labelled=labelled)["New photos"]
    assert f"snakemake --cores 2 predict --config {options}, " in told
