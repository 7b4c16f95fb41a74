"""This study's results beside those that arXiv 2506.13458 reports."""

from collections.abc import Mapping

import pandas as pd

from stillact.log import logger

METRICS = ("accuracy", "precision", "recall", "f1")

# Photos of the largest class, and of all classes, in the paper's test set of each task. It does
# not say; the per-class figures of its tables 2 to 6 fit 13, 8 and 8, and 12 and 8.
LARGEST_CLASS = {"activity3": (13, 29), "sit_stand": (12, 20)}


def reported(figures: pd.DataFrame, table: int | None, *, task: str, subset: str) -> pd.DataFrame:
    """The rows of paper_results.csv on one task and subset: of one of its tables, or of all."""
    which = (figures["task"] == task) & (figures["subset"] == subset)
    return figures[which & (figures["table"] == table)] if table else figures[which]


def compare(
    summary: pd.DataFrame,
    reported: pd.DataFrame,
    rows: Mapping[str, str],
    *,
    task: str,
    subset: str,
    name: str = "model",
) -> pd.DataFrame:
    """One table: our results on the holdout split, each beside the paper's.

    Args:
        summary: summary.csv: task, model, split, subset, metric, runs, mean, sd, ci_low, ci_high.
        reported: the rows of paper_results.csv to set beside them; the first of a model counts.
        rows: the name shown for each row, which is also its name in `reported`, and its model in
            `summary`. A row whose model is not in `summary` is left out and logged.
        task, subset: which results.
        name: heading of the names.

    Returns:
        The name, task, subset, runs, and for each metric {metric}_mean, _sd, _ci_low, _ci_high (no
        number with one run) and _paper (no number where the paper has none); 0 to 1. Best mean
        accuracy first.
    """
    which = (summary["task"] == task) & (summary["subset"] == subset)
    ours = summary[which & (summary["split"] == "holdout")].set_index(["model", "metric"])
    theirs = reported.drop_duplicates("model").set_index("model")
    table = []
    for shown, model in rows.items():
        if (model, "accuracy") not in ours.index:
            logger.info("%s has no results on %s, %s: left out", model, task, subset)
            continue
        runs = ours.loc[(model, "accuracy"), "runs"]
        row = {name: shown, "task": task, "subset": subset, "runs": runs}
        for metric in METRICS:
            for value in ("mean", "sd", "ci_low", "ci_high"):
                row[f"{metric}_{value}"] = ours.loc[(model, metric), value]
            row[f"{metric}_paper"] = theirs[metric].get(shown, float("nan"))
        table.append(row)
    values = ("mean", "sd", "ci_low", "ci_high", "paper")
    columns = [f"{metric}_{value}" for metric in METRICS for value in values]
    frame = pd.DataFrame(table, columns=[name, "task", "subset", "runs", *columns])
    return frame.sort_values("accuracy_mean", ascending=False, kind="stable", ignore_index=True)


def seed_accuracies(
    runs: pd.DataFrame, rows: Mapping[str, str], *, task: str, subset: str
) -> dict[str, list[float]]:
    """The accuracy (0 to 1) of each seed on the holdout split, in the order of `runs`.

    Args:
        runs: runs.csv: task, model, split, seed, subset, accuracy.
        rows, task, subset: as in `compare`.
    """
    which = (runs["task"] == task) & (runs["subset"] == subset) & (runs["split"] == "holdout")
    return {
        shown: runs.loc[which & (runs["model"] == model), "accuracy"].tolist()
        for shown, model in rows.items()
    }
