import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import metrics as sklearn

from stillact.evaluation import metrics
from stillact.evaluation.predictions import by_model

CLASSES = ["walking_running", "sitting", "standing"]


def predictions(truth, answers, seed=0, subset="test", model="cnn_base", classes=CLASSES):
    """A predictions table in which each answer has probability 0.6."""
    rest = 0.4 / (len(classes) - 1)
    frame = pd.DataFrame(
        {
            "task": "activity3",
            "model": model,
            "split": "holdout",
            "seed": seed,
            "subset": subset,
            "image_id": [f"{i:03}" for i in range(len(truth))],
            "label": truth,
        }
    )
    for name in classes:
        frame[f"prob_{name}"] = [0.6 if answer == name else rest for answer in answers]
    return frame


def test_a_confusion_matrix_by_hand():
    # rows: truth a, b, c; columns: answer a, b, c
    confusion = np.array([[3, 1, 0], [2, 2, 0], [1, 0, 1]])
    pairs = [(t, a) for t in range(3) for a in range(3) for _ in range(confusion[t, a])]
    truth, answers = (["abc"[i] for i in column] for column in zip(*pairs, strict=True))
    (row,) = metrics.of_runs(predictions(truth, answers, classes=[*"abc"])).to_dict("records")
    assert row["images"] == 10
    assert row["accuracy"] == pytest.approx(6 / 10)
    assert row["precision"] == pytest.approx((3 / 6 + 2 / 3 + 1 / 1) / 3)
    assert row["recall"] == pytest.approx((3 / 4 + 2 / 4 + 1 / 2) / 3)
    assert row["f1"] == pytest.approx((6 / 10 + 4 / 7 + 2 / 3) / 3)  # 2 hits / (answers + truths)


@pytest.mark.parametrize(("size", "guess"), [(13, 1), (13, 2)])
def test_the_papers_constant_guess(size, guess):
    """Table 6: CLIP_CS answers one class for all 29 test photos, of 13, 8 and 8 a class."""
    truth = np.repeat(CLASSES, [size, 8, 8])
    (row,) = metrics.of_runs(predictions(truth, [CLASSES[guess]] * 29)).to_dict("records")
    figures = [round(row[metric], 4) for metric in metrics.METRICS]
    assert figures == [0.2759, 0.0920, 0.3333, 0.1441]


def test_each_run_and_subset_is_scored_as_by_scikit_learn():
    rng = np.random.default_rng(0)
    tables = [
        predictions(*rng.choice(CLASSES, (2, 40)), seed=seed, subset=subset, model=model)
        for model in ("fnn_base", "cnn_base")
        for seed in (3, 1)
        for subset in ("validation", "test")
    ]
    runs = metrics.of_runs(pd.concat(tables, ignore_index=True))
    assert runs.columns.tolist() == [*metrics.RUN, "images", *metrics.METRICS]
    assert len(runs) == len(tables)
    for table, (_, row) in zip(tables, runs.iterrows(), strict=True):
        assert row[metrics.RUN].tolist() == table[metrics.RUN].iloc[0].tolist()
        probabilities = table[[f"prob_{name}" for name in CLASSES]].to_numpy()
        truth, answer = table["label"], np.array(CLASSES)[probabilities.argmax(1)]
        macro = dict(labels=CLASSES, average="macro", zero_division=0)
        assert row["accuracy"] == sklearn.accuracy_score(truth, answer)
        assert row["precision"] == sklearn.precision_score(truth, answer, **macro)
        assert row["recall"] == sklearn.recall_score(truth, answer, **macro)
        assert row["f1"] == sklearn.f1_score(truth, answer, **macro)


def test_a_class_that_no_photo_shows_counts_in_the_mean():
    (row,) = metrics.of_runs(predictions(["sitting"] * 4, ["sitting"] * 4)).to_dict("records")
    assert row["accuracy"] == 1
    assert row["f1"] == row["precision"] == row["recall"] == pytest.approx(1 / 3)


def test_confusion_is_scikit_learns_summed_over_the_runs():
    rng = np.random.default_rng(1)
    truth = rng.choice(CLASSES, 29, p=[0.5, 0.3, 0.2])
    tables = [
        predictions(truth, rng.choice(CLASSES, 29), seed=seed, model=model)
        for model, seeds in {"vit": (0, 1, 2), "clip_ic": (4,)}.items()
        for seed in seeds
    ]
    others = [
        predictions(truth, truth, seed=0, model="vit", subset="validation"),
        predictions(truth, truth, seed=0, model="vit").assign(split="kfold_0_0"),
        predictions(truth, truth, seed=0, model="cnn_base"),
    ]
    frame = pd.concat([*tables, *others], ignore_index=True)
    given = by_model(frame, scheme="holdout")
    counts = {model: metrics.confusion(given[model]) for model in ("clip_ic", "vit")}
    names = [f"prob_{name}" for name in CLASSES]
    each = [
        sklearn.confusion_matrix(
            table["label"], np.array(CLASSES)[table[names].to_numpy().argmax(1)], labels=CLASSES
        )
        for table in tables
    ]
    np.testing.assert_allclose(counts["vit"], sum(each[:3]) / 3)
    np.testing.assert_allclose(counts["clip_ic"], each[3])
    assert counts["vit"].index.tolist() == counts["vit"].columns.tolist() == CLASSES
    rows = metrics.confusion_rows(counts, "holdout")
    again = rows[rows["model"] == "vit"].pivot(index="label", columns="predicted", values="photos")
    pd.testing.assert_frame_equal(again.loc[CLASSES, CLASSES], counts["vit"], check_names=False)
    assert set(rows["scheme"]) == {"holdout"}


def test_confusion_has_the_truth_in_rows_and_classes_without_photos():
    frame = predictions(["sitting"] * 3, ["standing", "standing", "sitting"])
    table = metrics.confusion(by_model(frame, scheme="holdout")["cnn_base"])
    assert table.loc["sitting"].tolist() == [0, 1, 2]
    assert table.to_numpy().sum() == 3


def runs(values: dict[str, list[float]], **of) -> pd.DataFrame:
    """A runs table; metrics that are not given are 0.5."""
    count = len(next(iter(values.values())))
    names = {"task": "activity3", "model": "cnn_base", "split": "holdout", "subset": "test", **of}
    scores = {metric: values.get(metric, [0.5] * count) for metric in metrics.METRICS}
    return pd.DataFrame({**names, "seed": range(count), "images": 29, **scores})


def test_the_interval_is_students():
    values = [0.40, 0.45, 0.38, 0.52, 0.41]
    summary = metrics.summarise(runs({"f1": values})).set_index("metric")
    row = summary.loc["f1"]
    assert summary.index.tolist() == list(metrics.METRICS)
    assert row["runs"] == 5
    assert row["mean"] == pytest.approx(0.432)
    # squares of the deviations: 32^2 + 18^2 + 52^2 + 88^2 + 22^2 = 12280, over 5 - 1
    assert row["sd"] == pytest.approx(np.sqrt(12280e-6 / 4))
    low, high = stats.t.interval(0.95, 4, loc=np.mean(values), scale=stats.sem(values))
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((low, high))
    same = summary.loc["accuracy"]
    assert (same["sd"], same["ci_low"], same["ci_high"]) == (0, 0.5, 0.5)


def test_one_run_has_no_spread():
    summary = metrics.summarise(runs({"accuracy": [0.7]})).set_index("metric")
    row = summary.loc["accuracy"]
    assert (row["runs"], row["mean"]) == (1, 0.7)
    assert row[["sd", "ci_low", "ci_high"]].isna().all()


def test_the_interval_stays_between_0_and_1():
    summary = metrics.summarise(runs({"accuracy": [0.9, 1.0], "recall": [0.0, 0.1]}))
    of = summary.set_index("metric")
    assert of.loc["accuracy", "ci_high"] == 1
    assert of.loc["recall", "ci_low"] == 0
    assert 0 < of.loc["accuracy", "ci_low"] < 0.9
    assert 0.1 < of.loc["recall", "ci_high"] < 1


def test_models_and_subsets_are_summarised_apart():
    table = pd.concat(
        [
            runs({"accuracy": [0.2, 0.4]}, model="fnn_base"),
            runs({"accuracy": [0.6, 0.8]}, subset="validation"),
            runs({"accuracy": [1.0]}),
        ]
    )
    summary = metrics.summarise(table).query("metric == 'accuracy'")
    assert summary["model"].tolist() == ["fnn_base", "cnn_base", "cnn_base"]
    assert summary["subset"].tolist() == ["test", "validation", "test"]
    assert summary["runs"].tolist() == [2, 2, 1]
    assert summary["mean"].tolist() == pytest.approx([0.3, 0.7, 1.0])
