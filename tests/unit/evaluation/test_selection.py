"""The choice of a model, and the accuracy to expect of it: against tables small enough to check by
hand, and against simulated truths."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from stillact.evaluation import selection
from stillact.evaluation.predictions import Predictions

CLASSES = ["a", "b", "c"]


def given(right: np.ndarray, labels: np.ndarray, groups: np.ndarray | None = None) -> Predictions:
    """A model that is right on these photos in each run (runs, photos), and else one class off."""
    codes = np.where(right, labels, (labels + 1) % 3)
    ids = np.arange(len(labels))
    return Predictions(ids, CLASSES, labels, np.eye(3)[codes], groups)


def studies(accuracies, photos, count, per_group=1, seed=0):
    """Simulated studies: photos are hard for all models alike, and alike within a group."""
    rng = np.random.default_rng(seed)
    thresholds = norm.ppf(accuracies)[:, None]
    groups = np.arange(photos) // per_group
    for _ in range(count):
        shared = rng.normal(size=groups.max() + 1)[groups]
        share = 0.5 if per_group > 1 else 0.0
        hard = np.sqrt(share) * shared + np.sqrt(1 - share) * rng.normal(size=photos)
        own = rng.normal(size=(len(accuracies), photos))
        right = np.sqrt(0.5) * hard + np.sqrt(0.5) * own < thresholds
        labels = rng.permutation(np.arange(photos) % 3)
        yield {f"m{i}": given(one[None], labels, groups) for i, one in enumerate(right)}


def test_the_most_accurate_is_chosen_and_of_equals_the_first():
    labels = np.array([0, 1, 2, 0, 1, 2])
    good = given(np.array([[1, 1, 1, 1, 1, 0]], bool), labels)
    other = given(np.array([[0, 1, 1, 1, 1, 1]], bool), labels)
    bad = given(np.array([[0, 0, 1, 1, 1, 1]], bool), labels)
    for models, best in (({"x": bad, "y": good, "z": other}, "y"), ({"z": other, "y": good}, "z")):
        found = selection.choose(models)
        assert (found.model, found.naive) == (best, pytest.approx(5 / 6))
        assert (found.images, found.groups) == (6, 6)


def test_a_run_counts_alone_not_the_vote_of_several():
    labels = np.zeros(4, int)
    two_of_three = np.array([[1, 1, 1, 1], [1, 1, 1, 1], [0, 0, 0, 0]], bool)
    once = np.array([[1, 1, 1, 0]], bool)
    found = selection.choose({"voting": given(two_of_three, labels), "single": given(once, labels)})
    assert (found.model, found.naive) == ("single", 0.75)


def test_a_single_model_has_its_own_accuracy_and_nearly_wilsons_interval():
    rng = np.random.default_rng(0)
    labels, right = np.arange(200) % 3, rng.random((1, 200)) < 0.8
    found = selection.choose({"one": given(right, labels)}).accuracy
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(right.sum(), 200, method="wilson")
    assert found.value == pytest.approx(right.mean(), abs=0.005)
    assert (found.low, found.high) == (pytest.approx(low, abs=0.01), pytest.approx(high, abs=0.01))


def test_all_right_is_no_certainty():
    labels = np.arange(30) % 3
    found = selection.choose({"one": given(np.ones((1, 30), bool), labels)}).accuracy
    assert (found.value, found.high) == (1, 1)
    assert 0.85 < found.low < 0.9  # Wilson: 30 of 30


def test_the_balanced_accuracy_weighs_classes_alike():
    labels = np.repeat([0, 1, 2], [80, 10, 10])
    right = (labels == 0)[None]
    found = selection.choose({"constant": given(right, labels)})
    assert found.accuracy.value == pytest.approx(0.8, abs=0.01)
    assert found.balanced_accuracy.value == pytest.approx(1 / 3, abs=0.01)


def test_photos_of_a_group_are_drawn_together():
    rng = np.random.default_rng(0)
    of_group = rng.random(30) < 0.7
    right, labels = np.repeat(of_group, 5)[None], np.arange(150) % 3
    alone = selection.choose({"one": given(right, labels)}).accuracy
    grouped = selection.choose({"one": given(right, labels, np.arange(150) // 5)}).accuracy
    widths = [one.high - one.low for one in (alone, grouped)]
    assert widths[1] / widths[0] == pytest.approx(np.sqrt(5), rel=0.1)


@pytest.mark.parametrize(
    ("accuracies", "per_group"),
    [(np.full(12, 0.7), 1), (np.linspace(0.5, 0.8, 8), 1), (np.linspace(0.6, 0.8, 5), 5)],
)
def test_the_optimism_of_the_best_is_removed_and_the_interval_covers_the_truth(
    accuracies, per_group
):
    errors, naive, covered = [], [], []
    for models in studies(accuracies, 120, 100, per_group):
        found = selection.choose(models, resamples=200)
        truth = accuracies[int(found.model[1:])]
        errors.append(found.accuracy.value - truth)
        naive.append(found.naive - truth)
        covered.append(found.accuracy.low <= truth <= found.accuracy.high)
    assert abs(np.mean(errors)) < 0.015
    assert np.mean(covered) >= 0.9
    if len(set(accuracies)) == 1:
        assert np.mean(naive) > 0.04


def test_one_group_alone_says_nothing():
    found = selection.choose({"one": given(np.ones((1, 3), bool), np.arange(3), np.zeros(3))})
    assert (found.accuracy.low, found.accuracy.high) == (0, 1)


def test_settings_are_told_in_words():
    assert selection.describe({"c": 100.0, "epoch": 3}) == "c 100, epoch 3"
    assert selection.describe({}) == ""


def table(model, split, seed, subset, truth, right) -> pd.DataFrame:
    head = dict(task="t", model=model, split=split, seed=seed, subset=subset)
    rows = pd.DataFrame({"image_id": [f"{i}" for i in range(len(truth))], "label": truth})
    sure = [0.8 if (label == "x") == hit else 0.2 for label, hit in zip(truth, right, strict=True)]
    rows = rows.assign(**head, prob_x=sure, prob_y=1 - np.array(sure))
    return rows[[*head, "image_id", "label", "prob_x", "prob_y"]]


def test_candidates_are_the_cross_validated_ones_in_their_order():
    rows = [table(m, "cv_0_0", 0, "test", list("xy"), [True, True]) for m in ("b", "a")]
    rows.append(table("c", "holdout", 0, "test", list("xy"), [True, True]))
    assert list(selection.candidates(pd.concat(rows), ["a", "b", "c"])) == ["a", "b"]


def test_recipes_hold_every_model_on_both_schemes():
    truth = list("xyxy")
    rows = [
        table(m, f"cv_{r}_0", 0, "test", truth, hits)
        for m, hits in (("a", [True, True, False, False]), ("b", [True] * 4))
        for r in (0, 1)
    ]
    rows += [
        table("a", "holdout", s, "test", truth, hits) for s, hits in ((0, [True] * 4), (1, [0] * 4))
    ]
    found = selection.recipes(pd.concat(rows), {"a": "mlp", "b": "zero_shot"})
    assert found[["scheme", "model", "accuracy", "runs"]].to_numpy().tolist() == [
        ["cv", "b", 1.0, 2],
        ["cv", "a", 0.5, 2],
        ["holdout", "a", 0.5, 2],
    ]
