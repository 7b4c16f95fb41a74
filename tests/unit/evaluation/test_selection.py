"""Choosing on validation: against tables small enough to check by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from stillact.evaluation import selection

CLASSES = ["sitting", "standing"]


def answers(model, split, seed, subset, truth, given) -> pd.DataFrame:
    """Rows of a predictions table; `given` is the probability of the first class."""
    table = pd.DataFrame({"image_id": [f"{subset}{i}" for i in range(len(truth))], "label": truth})
    head = dict(task="t", model=model, split=split, seed=seed, subset=subset)
    table = table.assign(**head, prob_sitting=given, prob_standing=1 - np.array(given))
    return table[[*head, "image_id", "label", "prob_sitting", "prob_standing"]]


TRUTH = ["sitting", "sitting", "standing", "standing"]
GOOD, SURE, BAD = [0.9, 0.8, 0.2, 0.4], [0.99, 0.99, 0.01, 0.99], [0.4, 0.6, 0.6, 0.4]


def table(*runs) -> pd.DataFrame:
    """Each run: model, split, seed, what it gives on validation, and on test."""
    return pd.concat(
        answers(model, split, seed, subset, TRUTH, given)
        for model, split, seed, *both in runs
        for subset, given in zip(("validation", "test"), both, strict=True)
    )


HOLDOUT = table(
    ("a", "holdout", 0, GOOD, BAD),
    ("b", "holdout", 0, BAD, GOOD),
    ("c", "holdout", 0, SURE, GOOD),
    ("a", "holdout", 1, BAD, GOOD),
    ("b", "holdout", 1, GOOD, BAD),
)


def test_scores_are_log_loss_and_accuracy_on_validation():
    found = selection.scores(HOLDOUT, ["a", "b", "c"], "log_loss")
    assert found[["split", "seed", "model"]].values.tolist() == [
        ["holdout", 0, "a"],
        ["holdout", 0, "b"],
        ["holdout", 0, "c"],
        ["holdout", 1, "a"],
        ["holdout", 1, "b"],
    ]
    first = found.iloc[0]
    assert first["log_loss"] == pytest.approx(-np.log([0.9, 0.8, 0.8, 0.6]).mean())
    assert found["accuracy"].tolist() == [1, 0.5, 0.75, 0.5, 1]


@pytest.mark.parametrize(("by", "chosen"), [("log_loss", ["a", "b"]), ("accuracy", ["a", "b"])])
def test_the_best_on_validation_is_chosen_whatever_it_does_on_test(by, chosen):
    found = selection.scores(HOLDOUT, ["a", "b", "c"], by)
    assert found.loc[found["chosen"], "model"].tolist() == chosen
    rows = selection.selected(HOLDOUT, found)
    assert set(rows["model"]) == {"selected"}
    test = rows[rows["subset"] == "test"]
    assert test["prob_sitting"].tolist() == BAD + BAD  # a of seed 0, b of seed 1


@pytest.mark.parametrize(
    ("best", "chosen"),
    [
        # ones less these: .5 .5 .0 -.2, in the mean .20, their standard error .178
        ([0.5, 0.5, 1.0, 1.2], "best"),
        # .5 .5 -.1 -.3, in the mean .15, their standard error .206
        ([0.5, 0.5, 1.1, 1.3], "simple"),
    ],
)
def test_the_simplest_within_a_standard_error_of_the_best_is_chosen(best, chosen):
    of_truth = {"simple": np.exp(-np.ones(4)), "best": np.exp(-np.array(best))}
    sitting = np.array(TRUTH) == "sitting"
    given = {m: np.where(sitting, of, 1 - of) for m, of in of_truth.items()}
    rows = table(*((m, "holdout", 0, values, GOOD) for m, values in given.items()))
    found = selection.scores(rows, ["simple", "best"], "log_loss")
    assert found.loc[found["chosen"], "model"].tolist() == [chosen]
    assert (
        selection.to_deploy(rows, ["simple", "best"], "log_loss", accuracy=0.5)["model"] == chosen
    )


# What models give in an inner cross-validation, and on validation, where others are too.
@pytest.mark.parametrize(
    ("inner", "validation", "chosen"),
    [
        # the best of the inner ones, whatever validation says of it beside another of them
        ({"a": BAD, "b": GOOD}, {"a": SURE, "b": BAD}, "b"),
        ({"a": GOOD, "b": GOOD}, {"a": BAD, "b": GOOD}, "b"),  # both count
        ({"a": GOOD, "b": GOOD}, {"a": GOOD, "b": GOOD}, "a"),  # of equals the simplest
        # c answers one photo more of four: no more than a standard error; then two more
        ({"a": SURE, "b": BAD}, {"a": SURE, "b": BAD, "c": GOOD}, "a"),
        ({"a": GOOD, "b": BAD}, {"a": BAD, "b": BAD, "c": GOOD}, "c"),
    ],
)
def test_an_inner_cross_validation_chooses_among_its_models(inner, validation, chosen):
    rows = [answers(m, "cv_0_0", 0, "inner", TRUTH, given) for m, given in inner.items()]
    both = ((m, "cv_0_0", 0, given, GOOD) for m, given in validation.items())
    rows = pd.concat([*rows, table(*both)])
    found = selection.scores(rows, list("abc"), "accuracy")
    assert found.loc[found["chosen"], "model"].tolist() == [chosen]
    images = {m: 8 if m in inner else 4 for m in validation}
    assert dict(zip(found["model"], found["images"], strict=True)) == images
    assert (
        selection.to_deploy(
            pd.concat([rows, table(*((m, "holdout", 0, GOOD, GOOD) for m in "abc"))]),
            list("abc"),
            "accuracy",
            accuracy=0.5,
        )["model"]
        == chosen
    )


def test_of_equals_the_first_candidate_is_chosen():
    same = table(("a", "holdout", 0, GOOD, BAD), ("b", "holdout", 0, GOOD, GOOD))
    for order in (["a", "b"], ["b", "a"]):
        found = selection.scores(same, order, "log_loss")
        assert found.loc[found["chosen"], "model"].tolist() == order[:1]


def test_a_model_that_is_no_candidate_is_not_chosen():
    found = selection.scores(HOLDOUT, ["b", "c"], "log_loss")
    assert set(found["model"]) == {"b", "c"}


def test_folds_are_those_that_all_cross_validated_candidates_have():
    rows = [(m, f"cv_{r}_{f}", 0, GOOD, BAD) for m in "ab" for r in (0, 1) for f in (0, 1)]
    rows += [("c", f"cv_0_{f}", 0, SURE, GOOD) for f in (0, 1)]
    rows += [(m, "holdout", 0, GOOD, BAD) for m in "abcd"]
    found = selection.scores(table(*rows), list("abcd"), "log_loss")
    assert set(found["split"]) == {"holdout", "cv_0_0", "cv_0_1"}
    assert found.groupby("split")["chosen"].sum().tolist() == [1, 1, 1]


def test_recipes_hold_every_model_on_both_schemes():
    folds = table(
        *[
            (m, f"cv_0_{f}", 0, GOOD, g)
            for m, g in zip("ab", (BAD, GOOD), strict=True)
            for f in (0, 1)
        ]
    )
    folds["image_id"] += folds["split"].str[-1]  # a photo is tested in one fold
    both = pd.concat([HOLDOUT, folds])
    chosen = selection.scores(both, ["a", "b", "c"], "log_loss")
    together = pd.concat([both, selection.selected(both, chosen)])
    found = selection.recipes(together, {"a": "mlp", "b": "zero_shot", "c": "mlp"})
    assert found["scheme"].tolist() == ["cv"] * 3 + ["holdout"] * 4
    of = found.set_index(["scheme", "model"])
    assert of.loc[("cv", "b"), "accuracy"] == 1
    assert of.loc[("cv", "selected"), "accuracy"] == of.loc[("cv", "a"), "accuracy"] == 0.5
    assert of.loc[("holdout", "selected"), "recipe"] == "selected"
    # seeds 0 and 1 of a: BAD and GOOD on test; their mean is right on all but the last-but-one
    mean = (np.array(BAD) + np.array(GOOD)) / 2
    right = ((mean > 0.5) == (np.array(TRUTH) == "sitting")).mean()
    assert of.loc[("holdout", "a"), "accuracy_averaged"] == right
    for _, rows in found.groupby("scheme"):
        assert rows["accuracy"].is_monotonic_decreasing


def test_the_model_to_use_is_the_best_over_the_folds_and_its_run_the_best_seed():
    rows = [("a", f"cv_0_{f}", 0, BAD, GOOD) for f in (0, 1)]
    rows += [("b", f"cv_0_{f}", 0, GOOD, BAD) for f in (0, 1)]
    rows += [("a", "holdout", 0, GOOD, GOOD), ("b", "holdout", 0, BAD, GOOD)]
    rows += [("b", "holdout", 7, GOOD, GOOD), ("c", "holdout", 0, GOOD, GOOD)]
    found = selection.to_deploy(table(*rows), list("abc"), "log_loss", accuracy=1.0)
    assert (found["model"], found["seed"], found["chosen_on"]) == ("b", 7, "cv")
    assert found["validation"]["images"] == 4
    assert found["validation"]["answers"] == 8
    # all of GOOD is right: the threshold is its least confidence, made surer by the temperature
    assert found["validation"]["answered"] == 1
    assert found["temperature"] < 1
    scaled = 1 / (1 + (0.4 / 0.6) ** (1 / found["temperature"]))
    assert found["threshold"] == pytest.approx(scaled, rel=1e-6)


def test_without_folds_the_model_to_use_is_chosen_on_the_holdout():
    found = selection.to_deploy(HOLDOUT, ["b", "a"], "accuracy", accuracy=0.5)
    assert (found["model"], found["seed"], found["chosen_on"]) == ("b", 1, "holdout")


@pytest.mark.parametrize(
    ("accuracy", "expected"),
    [(1.0, 0.9), (0.75, 0.6), (0.6, 0.5), (0.0, 0.4)],
)
def test_the_threshold_is_the_lowest_that_is_right_often_enough(accuracy, expected):
    confidence = np.array([0.6, 0.9, 0.5, 0.8, 0.4, 0.7])
    right = np.array([True, True, False, False, False, True])
    # the surest first: right, wrong, right, right, wrong, wrong
    rates = {0.9: 1, 0.8: 1 / 2, 0.7: 2 / 3, 0.6: 3 / 4, 0.5: 3 / 5, 0.4: 1 / 2}
    assert min(c for c, rate in rates.items() if rate >= accuracy) == expected
    assert selection.threshold(confidence, right, accuracy) == expected


def test_equal_confidences_are_answered_together_and_none_may_be_enough():
    confidence, right = np.array([0.8, 0.8, 0.6]), np.array([True, False, True])
    assert selection.threshold(confidence, right, 1.0) == math.nextafter(1, 2)
    assert selection.threshold(confidence, right, 0.5) == 0.6


def test_settings_are_told_in_words():
    assert selection.describe({"c": 100.0, "epoch": 3}) == "c 100, epoch 3"
    assert selection.describe({}) == ""
