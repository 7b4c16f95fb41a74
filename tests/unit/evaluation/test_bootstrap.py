import time

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sklearn

from stillact.core.errors import InputError
from stillact.evaluation import bootstrap
from stillact.evaluation.predictions import Predictions, by_model

CLASSES = ["walking_running", "sitting", "standing"]
COLUMNS = [f"prob_{name}" for name in CLASSES]


def study(seeds: int, images: int = 40, seed: int = 0, **of) -> pd.DataFrame:
    """A predictions table of one model; its classes are not equally frequent."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(3, images, p=[0.5, 0.3, 0.2])
    names = {"task": "activity3", "model": "vit", "split": "holdout", "subset": "test"}
    tables = []
    for run in range(seeds):
        frame = pd.DataFrame({**names, "seed": run, "image_id": [f"{i:04}" for i in range(images)]})
        frame["label"] = np.array(CLASSES)[labels]
        frame[COLUMNS] = rng.dirichlet([1, 1, 1], size=images) * 0.7 + 0.3 * np.eye(3)[labels]
        tables.append(frame.assign(**of))
    return pd.concat(tables, ignore_index=True)


def folded(table: pd.DataFrame, folds: int = 5) -> pd.DataFrame:
    """Each seed of a holdout table made a repeat of cross-validation with one seed."""
    fold = table["image_id"].astype(int) % folds
    split = "cv_" + table["seed"].astype(str) + "_" + fold.astype(str)
    return table.assign(split=split, seed=0)


def values(table: pd.DataFrame, scheme: str = "holdout", **options) -> pd.Series:
    frame = bootstrap.intervals(table, scheme=scheme, resamples=200, **options)
    return frame.set_index("metric")["value"]


def scikit_learn(table: pd.DataFrame) -> dict[str, float]:
    """Its own metrics of the answers of a table."""
    truth, answer = table["label"], table[COLUMNS].idxmax(axis=1).str.removeprefix("prob_")
    order = sorted(range(3), key=CLASSES.__getitem__)
    probabilities = table[COLUMNS].to_numpy()[:, order]
    return {
        "accuracy": sklearn.accuracy_score(truth, answer),
        "balanced_accuracy": sklearn.recall_score(
            truth, answer, labels=truth.unique(), average="macro"
        ),
        "macro_f1": sklearn.f1_score(
            truth, answer, labels=CLASSES, average="macro", zero_division=0
        ),
        "log_loss": sklearn.log_loss(truth, probabilities, labels=sorted(CLASSES)),
    }


def test_the_values_are_scikit_learns_as_means_over_the_seeds():
    table = study(3)
    found = values(table)
    expected = pd.DataFrame([scikit_learn(run) for _, run in table.groupby("seed")]).mean()
    assert found.index.tolist() == list(bootstrap.METRICS)
    assert found.tolist() == pytest.approx(expected[found.index].tolist())


def test_folds_are_pooled_by_repeat():
    table = study(2)
    frame = bootstrap.intervals(folded(table), scheme="cv", resamples=200)
    assert (frame["runs"] == 2).all()
    assert (frame["images"] == 40).all()
    whole = bootstrap.intervals(table, scheme="holdout", resamples=200)
    pd.testing.assert_frame_equal(frame.drop(columns="scheme"), whole.drop(columns="scheme"))


def test_an_image_of_two_folds_of_a_repeat_is_refused():
    table = folded(study(1))
    table.loc[0, "image_id"] = table.loc[1, "image_id"]
    with pytest.raises(InputError, match=r"activity3/vit, seed 0: image '0001' is predicted twice"):
        bootstrap.intervals(table, scheme="cv")


def test_a_class_that_a_fold_lacks_and_one_that_the_study_lacks():
    table = study(2)
    no_standing = table[table["label"] != "standing"]
    found = values(no_standing)
    expected = pd.DataFrame([scikit_learn(run) for _, run in no_standing.groupby("seed")]).mean()
    assert found.tolist() == pytest.approx(expected[found.index].tolist())
    sorted_folds = table.sort_values("label").assign(
        split=lambda t: [f"cv_0_{i // 10}" for i in t.groupby("seed").cumcount()]
    )
    assert values(sorted_folds, "cv").tolist() == pytest.approx(values(table).tolist())


def test_a_missing_fold_leaves_its_images_out_of_that_run():
    table = folded(study(2))
    table = table[table["split"] != "cv_1_3"]
    expected = pd.DataFrame(
        [scikit_learn(run) for _, run in table.groupby(table["split"].str[:4])]
    ).mean()
    found = values(table, "cv")
    assert found.tolist() == pytest.approx(expected[found.index].tolist())
    frame = bootstrap.intervals(table, scheme="cv", resamples=200)
    assert frame[["value", "ci_low", "ci_high"]].notna().all(axis=None)


def test_a_single_seed_has_an_interval_over_images():
    frame = bootstrap.intervals(study(1, images=200), scheme="holdout").set_index("metric")
    p = frame.loc["accuracy", "value"]
    half = 1.96 * np.sqrt(p * (1 - p) / 200)
    assert frame.loc["accuracy", "runs"] == 1
    assert frame.loc["accuracy", "ci_low"] == pytest.approx(p - half, abs=0.015)
    assert frame.loc["accuracy", "ci_high"] == pytest.approx(p + half, abs=0.015)


def test_the_variance_is_that_of_a_mean_over_images_and_of_one_over_runs():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 100)
    right, wrong = np.eye(3)[labels], np.eye(3)[(labels + 1) % 3]
    good = rng.random(100) < 0.5
    alike = np.stack([np.where(good[:, None], right, wrong)] * 4)
    apart = np.stack([right, right, wrong, wrong])
    variances = []
    for probabilities in (alike, apart):
        predictions = Predictions(np.arange(100), CLASSES, labels, probabilities)
        draws = bootstrap.resample(predictions, 20_000, np.random.default_rng(0))["accuracy"]
        variances.append(draws.var())
    # of the mean of 100 images, and of the mean of four runs
    assert variances[0] == pytest.approx(good.var(ddof=1) / 100, rel=0.05)
    assert variances[1] == pytest.approx(np.var([1, 1, 0, 0], ddof=1) / 4, rel=0.05)


def test_models_that_are_alike_get_the_same_interval_and_all_right_gets_none():
    table = study(2)
    sure = table.copy()
    sure[COLUMNS] = np.array([sure["label"] == name for name in CLASSES]).T.astype(float)
    both = pd.concat([table, table.assign(model="twin"), sure.assign(model="sure")])
    frame = bootstrap.intervals(both, scheme="holdout", resamples=200).set_index("model")
    numbers = ["value", "ci_low", "ci_high"]
    assert frame.loc["vit", numbers].values.tolist() == frame.loc["twin", numbers].values.tolist()
    right = frame.loc["sure"].set_index("metric")
    assert right.loc["accuracy", numbers].tolist() == [1, 1, 1]
    assert right.loc["log_loss", numbers].tolist() == [0, 0, 0]


def test_the_order_of_rows_plays_no_part_and_the_seed_does():
    table = study(3)
    first = bootstrap.intervals(table, scheme="holdout", resamples=200)
    mixed = table.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(
        bootstrap.intervals(mixed, scheme="holdout", resamples=200), first
    )
    other = bootstrap.intervals(table, scheme="holdout", resamples=200, seed=1)
    assert other["ci_low"].tolist() != first["ci_low"].tolist()


def test_no_cross_validation_is_an_empty_table():
    assert bootstrap.intervals(study(1), scheme="cv").empty


def made_up(images: int, runs: int, rng: np.random.Generator) -> Predictions:
    """Predictions in which images, runs and each run on each image have luck of their own."""
    labels = rng.choice(3, images, p=[0.45, 0.3, 0.25])
    truth = np.eye(3)[labels]
    logits = 0.8 * truth + rng.normal(0, 1, (images, 3)) + rng.normal(0, 0.7, (runs, images, 3))
    logits += rng.normal(0, 0.2, (runs, 1, 3)) + rng.normal(0, 0.2, (runs, 1, 1)) * truth
    probabilities = np.exp(logits) / np.exp(logits).sum(2, keepdims=True)
    return Predictions(np.arange(images), CLASSES, labels, probabilities)


@pytest.mark.parametrize(("images", "runs"), [(100, 5), (40, 10)])
def test_the_intervals_cover(images, runs):
    """Nominal 95 %, over images and runs both new in each of 500 studies."""
    rng = np.random.default_rng(0)
    large = [bootstrap.pooled(made_up(2000, 100, rng)) for _ in range(20)]
    truth = pd.DataFrame(large).mean()
    covered = []
    for _ in range(500):
        draws = bootstrap.resample(made_up(images, runs, rng), 400, rng)
        intervals = {name: np.percentile(values, [2.5, 97.5]) for name, values in draws.items()}
        covered.append(
            {name: low <= truth[name] <= high for name, (low, high) in intervals.items()}
        )
    for metric, rate in pd.DataFrame(covered).mean().items():
        assert 0.92 <= rate <= 0.98, metric


def test_eight_models_of_fifty_runs_take_seconds():
    one = study(50, images=285)
    table = pd.concat([one.assign(model=f"m{i}") for i in range(8)])
    start = time.process_time()
    frame = bootstrap.intervals(table, scheme="holdout")
    assert len(frame) == 32
    assert time.process_time() - start < 10


def test_the_mean_of_a_score_is_drawn_as_accuracy_is():
    table = study(5)
    (given,) = by_model(table, scheme="holdout").values()
    row = bootstrap.intervals(table, scheme="holdout").set_index("metric").loc["accuracy"]
    found = bootstrap.mean(given.predicted == given.labels)
    assert found == pytest.approx(row[["value", "ci_low", "ci_high"]].tolist())


def test_the_mean_of_differences_that_never_vary_has_no_width():
    assert bootstrap.mean(np.full((3, 20), -0.25)) == pytest.approx((-0.25, -0.25, -0.25))
