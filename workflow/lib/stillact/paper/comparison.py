"""Comparison of this study's results with those reported in arXiv 2506.13458."""

from collections.abc import Mapping

import pandas as pd

from stillact.core.logs import logger
from stillact.core.text_tables import percent
from stillact.evaluation.predictions import SAME

METRICS = ("accuracy", "precision", "recall", "f1")

# Photos of the largest class, and of all classes, in the paper's test set of each task. Not
# reported; the per-class values of its tables 2 to 6 are consistent with 13, 8 and 8, and 12 and 8.
LARGEST_CLASS = {"activity3": (13, 29), "sit_stand": (12, 20)}
CLASSES = {"walking_running": 98, "sitting": 95, "standing": 92}  # photos of each
DIGITS = 4  # of the paper's values

TITLES = {
    "table_1": "Photos by class",
    "table_2": "A convolutional and a fully connected network, both trained from scratch",
    "table_3": "The same network trained with each augmentation",
    "table_4": "The convolutional network with and without augmentation, batch norm and dropout",
    "table_5": "Fine-tuned pretrained models",
    "table_6": "An MLP on the features of a pretrained model",
    "table_7": "All models",
}
MARK = "†"


def reported(figures: pd.DataFrame, table: int | None, *, task: str, subset: str) -> pd.DataFrame:
    """The rows of paper_results.csv for one task and subset, of one table or of all."""
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
    """One table: results of this study on the holdout split, and the paper's.

    Args:
        summary: summary.csv: task, model, split, subset, metric, runs, mean, sd, ci_low, ci_high.
        reported: the rows of paper_results.csv to compare with; the first per model is used.
        rows: the name shown for each row, which is also its name in `reported`, and its model in
            `summary`. A row whose model is not in `summary` is omitted and logged.
        task, subset: which results.
        name: heading of the column of names.

    Returns:
        The name, task, subset, runs, and for each metric {metric}_mean, _sd, _ci_low, _ci_high (NaN
        with one run), _paper (NaN where the paper has none), 0 to 1, and _difference (this study
        minus the paper). Best mean accuracy first.
    """
    which = (summary["task"] == task) & (summary["subset"] == subset)
    ours = summary[which & (summary["split"] == "holdout")].set_index(["model", "metric"])
    theirs = reported.drop_duplicates("model").set_index("model")
    table = []
    for shown, model in rows.items():
        if (model, "accuracy") not in ours.index:
            logger.info("%s has no results on %s, %s: omitted", model, task, subset)
            continue
        runs = ours.loc[(model, "accuracy"), "runs"]
        row = {name: shown, "task": task, "subset": subset, "runs": runs}
        for metric in METRICS:
            for value in ("mean", "sd", "ci_low", "ci_high"):
                row[f"{metric}_{value}"] = ours.loc[(model, metric), value]
            row[f"{metric}_paper"] = theirs[metric].get(shown, float("nan"))
            row[f"{metric}_difference"] = row[f"{metric}_mean"] - row[f"{metric}_paper"]
        table.append(row)
    values = ("mean", "sd", "ci_low", "ci_high", "paper", "difference")
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


def readable(table: pd.DataFrame, photos: int, rate: float) -> tuple[pd.DataFrame, str]:
    """A table of `compare` as text, one section per metric, and its footnote.

    Args:
        table: with at least one row.
        photos: number of this study's photos.
        rate: accuracy (0 to 1) of the majority-class baseline on them.

    Returns:
        metric (named once), the name, runs, mean ± sd, 95 % interval, and, where the paper reports
        any value, paper and difference; accuracies not above the baseline on their own photos are
        marked with †. The paper's class counts are known for its test photos only, see
        LARGEST_CLASS.
    """
    task, subset = table[["task", "subset"]].iloc[0]
    largest, of = LARGEST_CLASS.get(task, (None, None)) if subset == "test" else (None, None)
    limits = {"mean": rate + SAME, "paper": round(largest / of, DIGITS) if of else -1}
    rows = []
    for metric in METRICS:
        for place, row in enumerate(table.to_dict("records")):
            given = {key.removeprefix(f"{metric}_"): value for key, value in row.items()}
            marks = {
                whose: MARK if metric == "accuracy" and given[whose] <= limit else ""
                for whose, limit in limits.items()
            }
            rows.append(
                {
                    "metric": metric.replace("f1", "F1") if place == 0 else "",
                    table.columns[0]: row[table.columns[0]],
                    "runs": str(row["runs"]),
                    "mean ± sd": _spread(given) + marks["mean"],
                    "95\xa0% interval": _interval(given),
                    "paper": _number(given["paper"], DIGITS) + marks["paper"],
                    "difference": _signed(given["difference"]),
                }
            )
    readable = pd.DataFrame(rows)
    known = table["accuracy_paper"].notna().any()
    if not known:
        readable = readable.drop(columns=["paper", "difference"])
    theirs = f" and {largest} of {of} ({percent(largest / of)}) on the paper's" if of else ""
    difference = (
        "Difference: this study's mean minus the paper's value, which is on different photos. "
    )
    note = (
        f"On the {photos} {subset} photos of {task}. Mean, standard deviation and t-interval of "
        "the mean are over runs: seeds on one split, so they cover the variation between seeds, "
        "not between photos. Precision, recall and F1 are macro averages. "
        f"{difference if known else ''}"
        f"The majority-class baseline scores {percent(rate)} on this study's photos"
        f"{theirs}; accuracies not above it are marked with {MARK}."
    )
    if not of and known:
        note += (
            f" The class counts of the paper's {subset} photos are not known; its values are not "
            "marked."
        )
    return readable, note


def readable_sizes(table: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """A table of `overview.table_1` as text, and its footnote."""
    digits = {"width": 0, "height": 0, "aspect_ratio": 2}
    rows = []
    for row in table.to_dict("records"):
        cells = {
            "class": row["label"],
            "photos": str(row["count"]),
            "share": percent(row["share"]),
        }
        for measure, shown in digits.items():
            mean, median, iqr = (
                _number(row[f"{measure}_{value}"], shown) for value in ("mean", "median", "iqr")
            )
            unit = "" if measure == "aspect_ratio" else " (px)"
            cells[measure.replace("_", " ") + unit] = f"{mean} ({median}, {iqr})"
        rows.append(cells)
    note = "Sizes are mean (median, interquartile range)."
    if {*CLASSES} <= {*table["label"]}:
        of = [f"{count} of {label}" for label, count in CLASSES.items()]
        note += (
            f" The paper uses {sum(CLASSES.values())} photos, {of[0]}, {of[1]} and {of[2]}, and "
            "reports means of about 566 px, 499 px and 1.2."
        )
    return pd.DataFrame(rows), note


def _spread(given: Mapping) -> str:
    spread = f" ± {given['sd']:.3f}" if pd.notna(given["sd"]) else ""
    return f"{given['mean']:.3f}{spread}"


def _interval(given: Mapping) -> str:
    if pd.isna(given["ci_low"]):
        return "–"
    return f"[{given['ci_low']:.3f}, {given['ci_high']:.3f}]"


def _signed(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:+.3f}".replace("-", "−")


def _number(value: float, digits: int) -> str:
    return "–" if pd.isna(value) else f"{value:.{digits}f}"
