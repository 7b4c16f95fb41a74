import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss
from sklearn.metrics import log_loss as sklearn_log_loss

from stillact.evaluation import calibration

CLASSES = ["walking_running", "sitting", "standing"]


def rows(probabilities, labels, **of) -> pd.DataFrame:
    """A predictions table of one run: probabilities (images, 3), labels as indices."""
    names = {"task": "activity3", "model": "vit", "split": "holdout", "seed": 0, "subset": "test"}
    frame = pd.DataFrame({**names, **of, "image_id": [f"{i:04}" for i in range(len(labels))]})
    frame["label"] = np.array(CLASSES)[labels]
    columns = [f"prob_{name}" for name in CLASSES]
    return pd.concat([frame, pd.DataFrame(probabilities, columns=columns)], axis=1)


def drawn(images: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities, and labels drawn from them: a perfectly calibrated model."""
    probabilities = rng.dirichlet([1, 1, 1], size=images)
    labels = (rng.random((images, 1)) > probabilities.cumsum(1)).sum(1)
    return probabilities, labels


def test_the_scores_are_scikit_learns():
    probabilities, labels = drawn(50, np.random.default_rng(0))
    expected = sklearn_log_loss(labels, probabilities)
    assert calibration.log_loss(probabilities, labels) == pytest.approx(expected)
    expected = brier_score_loss(labels, probabilities, scale_by_half=False)
    assert calibration.brier(probabilities, labels) == pytest.approx(expected)


def test_the_calibration_error_by_hand():
    confidence = np.array([0.9, 0.6, 0.8, 0.5])
    right = np.array([True, False, False, True])
    # halves: .5 and .6, one right, off by .05; .8 and .9, one right, off by .35
    assert calibration.calibration_error(confidence, right, 2) == pytest.approx(0.2)
    # all together: two of four right, mean confidence .7
    assert calibration.calibration_error(confidence, right, 1) == pytest.approx(0.2)
    # each alone: .5, .6, .8 and .1
    assert calibration.calibration_error(confidence, right, 4) == pytest.approx(0.5)
    several = calibration.calibration_error(confidence, np.stack([right, ~right]), 2)
    # the other way round one is right in each half, too
    assert several == pytest.approx([0.2, 0.2])


def test_the_bins_are_scikit_learns():
    rng = np.random.default_rng(1)
    confidence = rng.uniform(0.4, 1, 87)
    right = rng.random(87) < confidence**2
    share, mean = calibration_curve(right, confidence, n_bins=10, strategy="quantile")
    frame = calibration.reliability(
        rows(np.c_[confidence, (1 - confidence) / 2, (1 - confidence) / 2], np.where(right, 0, 1)),
        scheme="holdout",
    )
    assert frame["accuracy"].tolist() == pytest.approx(share.tolist())
    assert frame["confidence"].tolist() == pytest.approx(mean.tolist())
    assert frame["answers"].sum() == 87
    gaps = abs(frame["accuracy"] - frame["confidence"]) * frame["answers"] / 87
    assert calibration.calibration_error(confidence, right) == pytest.approx(gaps.sum())


def test_equal_confidences_share_a_bin_whatever_their_order():
    confidence = np.full(20, 0.7)
    right = np.arange(20) < 10
    for order in (np.arange(20), np.arange(20)[::-1]):
        assert calibration.calibration_error(confidence, right[order]) == pytest.approx(0.2)
    constant = rows(np.tile([0.7, 0.2, 0.1], (20, 1)), np.where(right, 0, 1))
    points = calibration.reliability(constant, scheme="holdout")
    assert points[["bin", "accuracy", "answers"]].values.tolist() == [[0, 0.5, 20]]


def test_a_calibrated_model_lies_in_its_band():
    """29 images and 15 bins: also then the error is about .17."""
    rng = np.random.default_rng(2)
    found = []
    for _ in range(100):
        table = rows(*drawn(29, rng))
        (row,) = calibration.scores(table, scheme="holdout", bins=15, draws=200).to_dict("records")
        found.append((row["ece"], row["calibrated_mean"]))
        found[-1] += (row["calibrated_low"] <= row["ece"] <= row["calibrated_high"],)
    ece, mean, inside = np.mean(found, axis=0)
    assert ece == pytest.approx(mean, abs=0.015)
    assert 0.1 < ece < 0.35
    assert inside >= 0.89


def test_a_model_that_is_too_sure_lies_above_its_band():
    probabilities, labels = drawn(285, np.random.default_rng(3))
    sharper = probabilities**4 / (probabilities**4).sum(1, keepdims=True)
    (row,) = calibration.scores(rows(sharper, labels), scheme="holdout").to_dict("records")
    assert row["ece"] > row["calibrated_high"]


def test_the_scores_are_means_over_the_runs():
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 3, 40)
    seeds = [rng.dirichlet([1, 1, 1], size=40) for _ in range(3)]
    table = pd.concat([rows(p, labels, seed=seed) for seed, p in enumerate(seeds)])
    (row,) = calibration.scores(table, scheme="holdout").to_dict("records")
    assert (row["images"], row["runs"]) == (40, 3)
    each = [
        calibration.scores(rows(p, labels), scheme="holdout")[["log_loss", "brier", "ece"]]
        for p in seeds
    ]
    mean = pd.concat(each).mean()
    assert [row[name] for name in mean.index] == pytest.approx(mean.tolist())


def test_the_folds_of_a_repeat_are_one_run():
    probabilities, labels = drawn(60, np.random.default_rng(5))
    whole = rows(probabilities, labels)
    folds = whole.assign(split=[f"cv_0_{i % 5}" for i in range(60)])
    (row,) = calibration.scores(folds, scheme="cv").to_dict("records")
    (same,) = calibration.scores(whole, scheme="holdout").to_dict("records")
    assert {**same, "scheme": "cv"} == row


def test_the_temperature_undoes_what_sharpened_the_probabilities():
    probabilities, labels = drawn(20_000, np.random.default_rng(6))
    for power in (0.5, 1, 3):
        off = calibration.apply_temperature(probabilities, 1 / power)
        assert calibration.fit_temperature(off, labels) == pytest.approx(power, rel=0.03)
        back = calibration.apply_temperature(off, power)
        np.testing.assert_allclose(back, probabilities, atol=2e-3)  # those near 0 are cut


@pytest.mark.parametrize(
    ("probabilities", "labels", "temperature"),
    [
        (np.full((4, 3), 1 / 3), [0, 1, 2, 0], 1),
        ([[0.9, 0.1, 0], [0, 1, 0]], [0, 1], calibration.TEMPERATURES[0]),
        ([[0.9, 0.1, 0], [0, 1, 0]], [2, 2], calibration.TEMPERATURES[1]),
    ],
)
def test_a_temperature_without_an_optimum_stays_in_its_bounds(probabilities, labels, temperature):
    found = calibration.fit_temperature(np.array(probabilities), np.array(labels))
    assert found == pytest.approx(temperature, rel=1e-3)


def folded(probabilities, labels, folds: int = 4, repeat: int = 0) -> pd.DataFrame:
    """The same photos as out-of-fold predictions of one repeat, and validation rows."""
    table = rows(probabilities, labels)
    fold = np.arange(len(labels)) % folds
    table["split"] = [f"cv_{repeat}_{number}" for number in fold]
    return pd.concat([table, table.assign(subset="validation", prob_sitting=0.98)])


def test_temperatures_come_from_the_other_folds_alone():
    rng = np.random.default_rng(7)
    probabilities, labels = drawn(800, rng)
    sharper = calibration.apply_temperature(probabilities, 0.5)
    table = pd.concat([folded(probabilities, labels), folded(sharper, labels, repeat=1)])
    scaled, temperatures = calibration.temperature_scaled(table)
    assert temperatures["split"].tolist() == [f"cv_{r}_{f}" for r in (0, 1) for f in range(4)]
    found = temperatures["temperature"].to_numpy()
    np.testing.assert_allclose(found, np.repeat([1, 2], 4), rtol=0.15)
    assert set(scaled["subset"]) == {"test"}
    columns = [f"prob_{name}" for name in CLASSES]
    first = scaled[scaled["split"] == "cv_0_1"]
    at = np.arange(800) % 4 == 1
    np.testing.assert_allclose(
        first[columns], calibration.apply_temperature(probabilities[at], found[1])
    )
    assert found[1] == calibration.fit_temperature(probabilities[~at], labels[~at])
    own = table["split"].eq("cv_0_1")
    changed = table.assign(label=table["label"].where(~own, "sitting"))
    again = calibration.temperature_scaled(changed)[1].set_index("split")["temperature"]
    assert again["cv_0_1"] == found[1]
    assert again["cv_0_2"] != found[2]


def test_the_holdouts_temperature_is_of_photos_that_it_does_not_test():
    rng = np.random.default_rng(7)
    probabilities, labels = drawn(200, rng)
    test = rows(probabilities[:40], labels[:40])
    scaled, temperatures = calibration.temperature_scaled(
        pd.concat([test, folded(probabilities, labels)])
    )
    (found,) = temperatures.query("split == 'holdout'")["temperature"]
    assert found == calibration.fit_temperature(probabilities[40:], labels[40:])
    assert (scaled["split"] == "holdout").sum() == 40


def test_a_model_without_folds_is_not_scaled():
    scaled, temperatures = calibration.temperature_scaled(
        rows(*drawn(30, np.random.default_rng(8)))
    )
    assert scaled.empty
    assert temperatures.empty


def test_no_cross_validation_is_an_empty_table():
    table = rows(*drawn(30, np.random.default_rng(9)))
    assert calibration.scores(table, scheme="cv").empty
    assert "calibrated_low" in calibration.reliability(table, scheme="cv")


@pytest.mark.parametrize("sharp", [1.0, 0.3])
@pytest.mark.parametrize(("photos", "repeats"), [(45, 1), (100, 1), (285, 1), (100, 3)])
def test_prediction_sets_have_the_coverage_asked_for(photos, repeats, sharp):
    """500 studies, whose labels are drawn from known probabilities; the model states them, or
    others (sharp), which a guarantee must not depend on."""
    rng = np.random.default_rng(photos + repeats)
    covered = []
    for _ in range(500):
        truth = rng.dirichlet([0.5] * 3, photos + 400)
        labels = (truth.cumsum(1) < rng.random((len(truth), 1))).sum(1)
        stated = truth**sharp / (truth**sharp).sum(1, keepdims=True)
        true = stated[range(len(labels)), labels]
        limit = calibration.set_limit(np.repeat(true[:photos], repeats), 0.9, photos)
        covered.append((true[photos:] >= limit).mean())
    assert 0.9 - 0.005 < np.mean(covered) < 0.9 + 0.02


def test_too_few_photos_give_sets_of_all_classes():
    assert calibration.set_limit(np.full(8, 0.7), 0.9, 8) == 0
    assert calibration.set_limit(np.linspace(0.1, 0.9, 9), 0.9, 9) == pytest.approx(0.1)
    assert calibration.set_limit(np.linspace(0.1, 0.9, 9), 0.5, 9) == pytest.approx(0.5)
