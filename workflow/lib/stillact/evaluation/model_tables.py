"""Tables of models with their metrics on the holdout split."""

from collections.abc import Mapping

import pandas as pd

from stillact.core.logs import logger
from stillact.core.text_tables import percent
from stillact.evaluation.metrics import METRICS
from stillact.evaluation.predictions import SAME

VALUES = ("mean", "sd", "ci_low", "ci_high")
MARK = "†"  # of an accuracy that is not above the majority-class baseline


def of_models(
    summary: pd.DataFrame,
    rows: Mapping[str, str],
    *,
    task: str,
    subset: str,
    name: str = "model",
) -> pd.DataFrame:
    """A table of models: their results on the holdout split.

    Args:
        summary: summary.csv: task, model, split, subset, metric, runs, mean, sd, ci_low, ci_high.
        rows: the name shown for each row, and its model in `summary`. A row whose model is not in
            `summary` is omitted and logged.
        task, subset: which results.
        name: heading of the column of names.

    Returns:
        The name, task, subset, runs, and for each metric {metric}_mean, _sd, _ci_low, _ci_high (NaN
        with one run), 0 to 1. Best mean accuracy first.
    """
    which = (summary["task"] == task) & (summary["subset"] == subset)
    found = summary[which & (summary["split"] == "holdout")].set_index(["model", "metric"])
    table = []
    for shown, model in rows.items():
        if (model, "accuracy") not in found.index:
            logger.info("%s has no results on %s, %s: omitted", model, task, subset)
            continue
        runs = found.loc[(model, "accuracy"), "runs"]
        row = {name: shown, "task": task, "subset": subset, "runs": runs}
        for metric in METRICS:
            for value in VALUES:
                row[f"{metric}_{value}"] = found.loc[(model, metric), value]
        table.append(row)
    columns = [f"{metric}_{value}" for metric in METRICS for value in VALUES]
    frame = pd.DataFrame(table, columns=[name, "task", "subset", "runs", *columns])
    return frame.sort_values("accuracy_mean", ascending=False, kind="stable", ignore_index=True)


def seed_accuracies(
    runs: pd.DataFrame, rows: Mapping[str, str], *, task: str, subset: str
) -> dict[str, list[float]]:
    """The accuracy (0 to 1) of each seed on the holdout split, in the order of `runs`.

    Args:
        runs: runs.csv: task, model, split, seed, subset, accuracy.
        rows, task, subset: as in `of_models`.
    """
    which = (runs["task"] == task) & (runs["subset"] == subset) & (runs["split"] == "holdout")
    return {
        shown: runs.loc[which & (runs["model"] == model), "accuracy"].tolist()
        for shown, model in rows.items()
    }


def readable(table: pd.DataFrame, photos: int, rate: float) -> tuple[pd.DataFrame, str]:
    """A table of `of_models` as text, one section per metric, and its footnote.

    Args:
        table: with at least one row.
        photos: number of photos of its subset.
        rate: accuracy (0 to 1) of the majority-class baseline on them.

    Returns:
        metric (named once), the name, runs, mean ± sd, 95 % interval; accuracies not above the
        baseline are marked with †. One row for each metric and row of the table, in this order.
    """
    rows = []
    for metric in METRICS:
        for place, row in enumerate(table.to_dict("records")):
            mean, sd, low, high = (row[f"{metric}_{value}"] for value in VALUES)
            marked = metric == "accuracy" and mean <= rate + SAME
            rows.append(
                {
                    "metric": metric.replace("f1", "F1") if place == 0 else "",
                    table.columns[0]: row[table.columns[0]],
                    "runs": str(row["runs"]),
                    "mean ± sd": _spread(mean, sd) + (MARK if marked else ""),
                    "95\xa0% interval": f"[{low:.3f}, {high:.3f}]" if pd.notna(low) else "–",
                }
            )
    note = (
        f"On the {photos} {table['subset'].iloc[0]} photos of {table['task'].iloc[0]}. Mean, "
        "standard deviation and t-interval of the mean are over runs: seeds on one split, so they "
        "cover the variation between seeds, not between photos. Precision, recall and F1 are macro "
        f"averages. The majority-class baseline scores {percent(rate)} on these photos; accuracies "
        f"not above it are marked with {MARK}."
    )
    return pd.DataFrame(rows), note


def _spread(mean: float, sd: float) -> str:
    return f"{mean:.3f} ± {sd:.3f}" if pd.notna(sd) else f"{mean:.3f}"


def number(value: float, digits: int) -> str:
    return "–" if pd.isna(value) else f"{value:.{digits}f}"
