"""Metrics of each run, and of each model over its runs, from a predictions table."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

from stillact.core.probabilities import classes_of, most_probable
from stillact.evaluation.predictions import Predictions

METRICS = ("accuracy", "precision", "recall", "f1")
RUN = ["task", "model", "split", "seed", "subset"]


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
    classes = classes_of(predictions)
    frame = predictions.assign(predicted=most_probable(predictions))
    rows = []
    for run, table in frame.groupby(RUN, sort=False):
        truth, answer = table["label"], table["predicted"]
        precision, recall, f1, _ = precision_recall_fscore_support(
            truth, answer, labels=classes, average="macro", zero_division=0
        )
        accuracy = accuracy_score(truth, answer)
        rows.append((*run, len(table), accuracy, precision, recall, f1))
    return pd.DataFrame(rows, columns=[*RUN, "images", *METRICS])


def confusion(given: Predictions) -> pd.DataFrame:
    """Confusion matrix of one model: one row per true class, one column per predicted class; each
    photo counts once, divided among the predictions of its runs."""
    table = np.eye(len(given.classes))[given.labels].T @ np.nan_to_num(given.shares)
    return pd.DataFrame(table, given.classes, given.classes)


def confusion_rows(counts: Mapping[str, pd.DataFrame], scheme: str) -> pd.DataFrame:
    """One row per model, true class and predicted class.

    Args:
        counts: from `confusion`, of each model.
        scheme: on which photos: "cv", all, out-of-fold; "holdout", the test photos.

    Returns:
        model, scheme, label, predicted, photos (not an integer if the runs of a model differ).
    """
    rows = [
        (model, scheme, *cell, photos)
        for model, table in counts.items()
        for cell, photos in table.stack().items()
    ]
    return pd.DataFrame(rows, columns=["model", "scheme", "label", "predicted", "photos"])


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
