"""Metrics of each run, and of each model over its runs, from a predictions table."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

from stillact.core.runs import INNER

METRICS = ("accuracy", "precision", "recall", "f1")
RUN = ["task", "model", "split", "seed", "subset"]


def predicted(predictions: pd.DataFrame) -> pd.Series:
    """The class with the highest probability, per row; the first one in case of ties."""
    columns = [f"prob_{name}" for name in _classes(predictions)]
    return predictions[columns].idxmax(axis=1).str.removeprefix("prob_")


def _classes(predictions: pd.DataFrame) -> list[str]:
    return [c.removeprefix("prob_") for c in predictions if c.startswith("prob_")]


def of_runs(predictions: pd.DataFrame) -> pd.DataFrame:
    """Accuracy and macro precision, recall and F1 of each run on validation and on test, all in
    [0, 1].

    A class that is never predicted has precision 0 (scikit-learn's zero_division=0), as in the
    paper's tables.

    Args:
        predictions: task, model, split, seed, subset, image_id, label, prob_<class>...

    Returns:
        task, model, split, seed, subset, images, accuracy, precision, recall, f1.
    """
    classes = _classes(predictions)
    frame = predictions[predictions["subset"] != INNER]
    frame = frame.assign(predicted=predicted(frame))
    rows = []
    for run, table in frame.groupby(RUN, sort=False):
        truth, answer = table["label"], table["predicted"]
        precision, recall, f1, _ = precision_recall_fscore_support(
            truth, answer, labels=classes, average="macro", zero_division=0
        )
        accuracy = accuracy_score(truth, answer)
        rows.append((*run, len(table), accuracy, precision, recall, f1))
    return pd.DataFrame(rows, columns=[*RUN, "images", *METRICS])


def confusion(
    predictions: pd.DataFrame, models: Sequence[str], *, subset: str
) -> dict[str, pd.DataFrame]:
    """Confusion matrix of each model on the holdout split, in photos per run.

    Args:
        predictions: as in `of_runs`, of one task.
        models: each with at least one run.
        subset: validation or test.

    Returns:
        For each model one row per true class and one column per predicted class, in the order of
        the prob_ columns: the number of photos, as the mean over the model's runs.
    """
    classes = _classes(predictions)
    which = (predictions["subset"] == subset) & (predictions["split"] == "holdout")
    counts = {}
    for model in models:
        table = predictions[which & (predictions["model"] == model)]
        summed = confusion_matrix(table["label"], predicted(table), labels=classes)
        counts[model] = pd.DataFrame(summed / table["seed"].nunique(), classes, classes)
    return counts


def summarise(runs: pd.DataFrame) -> pd.DataFrame:
    """Mean, standard deviation and 95 % t-interval over the seeds of each model on the holdout.

    The interval is that of the mean over seeds on the same photos: it covers the variation between
    seeds, not between photos. It is clipped to [0, 1]. With one run there is no sd and no interval.

    Args:
        runs: from `of_runs`.

    Returns:
        task, model, split, subset, metric, runs, mean, sd, ci_low, ci_high.
    """
    rows = []
    holdout = runs[runs["split"] == "holdout"]
    for key, table in holdout.groupby(["task", "model", "split", "subset"], sort=False):
        for metric in METRICS:
            values = table[metric].to_numpy()
            n, mean = len(values), values.mean()
            sd = values.std(ddof=1) if n > 1 else np.nan
            half = stats.t.ppf(0.975, n - 1) * sd / np.sqrt(n) if n > 1 else np.nan
            rows.append((*key, metric, n, mean, sd, *np.clip([mean - half, mean + half], 0, 1)))
    columns = ["task", "model", "split", "subset", "metric", "runs"]
    return pd.DataFrame(rows, columns=[*columns, "mean", "sd", "ci_low", "ci_high"])
