"""Figures of the statistics, in the style of `figures.style`. Titles state photos and runs."""

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from stillact.evaluation.proportions import LEVEL
from stillact.figures.style import (
    COLOURS,
    INK,
    QUIET,
    REACH,
    SMALL,
    STYLE,
    WIDTH,
    filled,
    matrix,
    sentence,
    signed,
)

JUDGED = 100  # photos: with fewer, a bin of a reliability diagram has less than ten
TITLES = {
    "accuracy": "accuracy (%)",
    "balanced_accuracy": "balanced accuracy (%)",
    "macro_f1": "macro F1 (%)",
    "log_loss": "log loss (nats; lower is better)",
}


COVERS = {  # covered region: vertical offset, marker, colour, label
    "nothing": (-0.2, "o", INK, "nothing covered"),
    "background": (0, "s", COLOURS[0], "equal area of background covered"),
    "person": (0.2, "^", COLOURS[1], "person covered"),
}
FILLS = {"mean": "filled with the mean colour", "blur": "blurred"}


@rc_context(STYLE)
def pooled(table: pd.DataFrame, largest_class_rate: float, over: str) -> Figure:
    """Each metric of each model with its 95 % bootstrap interval over images and runs.

    Args:
        table: from `bootstrap.intervals`, one task and scheme; at least one model.
        largest_class_rate: accuracy of the majority-class baseline, 0 to 1.
        over: description of photos and runs, for the title.
    """
    wide = table[table["metric"] == "accuracy"].sort_values("value", ascending=False)
    models = wide["model"].tolist()
    figure = Figure(figsize=(WIDTH, 2 * (0.9 + 0.28 * len(models))))
    grid = figure.subplots(2, 2, sharey=True)
    for axes, (metric, title) in zip(grid.flat, TITLES.items(), strict=True):
        rows = table[table["metric"] == metric].set_index("model").loc[models]
        place = np.arange(len(models))
        reach = [rows["value"] - rows["ci_low"], rows["ci_high"] - rows["value"]]
        axes.errorbar(
            rows["value"],
            place,
            xerr=np.clip(reach, 0, None),
            fmt="o",
            color=COLOURS[0],
            ms=6,
            elinewidth=2,
        )
        if metric == "accuracy":
            axes.axvline(
                largest_class_rate,
                color=QUIET,
                linestyle="--",
                linewidth=1,
                label=f"majority class: {100 * largest_class_rate:.1f} %",
            )
        if metric != "log_loss":
            axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=""))
        axes.set_xlabel(title)
        axes.set_yticks(place, models)
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(len(models) - 0.5, -0.5)
        axes.grid(axis="x", color=QUIET, alpha=0.25, linewidth=0.7)
    figure.legend(loc="outside upper left", title=over, alignment="left")
    return figure


@rc_context(STYLE)
def pairs(table: pd.DataFrame, models: list[str], over: str) -> Figure:
    """Difference in accuracy between each model (row) and each other one (column), in points; a
    star marks a difference that is shown by McNemar's test after Holm's correction.

    Args:
        table: from `comparisons.pairs`.
        models: in the order shown, the best first; at least two.
        over: description of photos and runs, for the title.
    """
    place = {model: i for i, model in enumerate(models)}
    points, p_values = np.full((2, len(models), len(models)), np.nan)
    for row in table.itertuples():
        a, b = place[row.model_a], place[row.model_b]
        points[a, b], points[b, a] = 100 * row.difference, -100 * row.difference
        p_values[a, b] = p_values[b, a] = row.mcnemar_p_holm
    figure, axes, size = matrix(len(models))
    image = axes.imshow(points, cmap="PuOr_r", vmin=-REACH, vmax=REACH)
    for a in range(len(models)):
        for b in range(len(models)):
            if a != b and np.isfinite(points[a, b]):
                star = "*" if p_values[a, b] < LEVEL else ""
                dark = abs(points[a, b]) > 0.5 * REACH
                axes.text(
                    b,
                    a,
                    f"{signed(points[a, b])}{star}",
                    ha="center",
                    va="center",
                    color="white" if dark else INK,
                    fontsize=size,
                )
    axes.set_xticks(range(len(models)), models, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(models)), models)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set(xlabel="minus the accuracy of", ylabel="accuracy of")
    figure.suptitle(filled(over), fontsize=11, x=0.01, ha="left")
    figure.colorbar(image, ax=axes, shrink=0.7, extend="both", label="points of accuracy")
    return figure


@rc_context(STYLE)
def covered(table: pd.DataFrame) -> Figure:
    """Accuracy of each model with nothing, background or the person covered, one panel per fill;
    the most accurate model first. Without models, a sentence with the reason.

    Args:
        table: from `occlusion_summary.evaluate`, one task.
    """
    if table.empty:
        return sentence(
            "No test photo has person boxes that cover at most half of its visible part, so no "
            "region was covered."
        )
    order = table[table["fill"] == "mean"].sort_values("accuracy_nothing", ascending=False)
    models = order["model"].tolist()
    figure = Figure(figsize=(WIDTH, 2.1 + 0.4 * len(models)))
    grid = figure.subplots(1, len(FILLS), sharex=True, sharey=True)
    for axes, (fill, title) in zip(grid, FILLS.items(), strict=True):
        rows = table[table["fill"] == fill].set_index("model").loc[models]
        for covered, (aside, marker, colour, words) in COVERS.items():
            value, low, high = (rows[f"accuracy_{covered}{e}"] for e in ("", "_ci_low", "_ci_high"))
            axes.errorbar(
                value,
                np.arange(len(models)) + aside,
                fmt=marker,
                color=colour,
                ms=5.5,
                xerr=np.clip([value - low, high - value], 0, None),
                elinewidth=1.5,
                label=words,
            )
        axes.set_title(title, loc="left")
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=""))
        axes.set_xlabel("accuracy (%)")
        axes.set_yticks(range(len(models)), models)
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(len(models) - 0.5, -0.5)
        axes.grid(axis="x", color=QUIET, alpha=0.25, linewidth=0.7)
    figure.legend(
        *grid[0].get_legend_handles_labels(),
        loc="outside upper left",
        ncols=2,
        title=_over_covered(table),
        alignment="left",
    )
    return figure


def _over_covered(table: pd.DataFrame) -> str:
    """Description of the photos used and excluded; the field of view may differ between models."""
    photos, without, over_half, runs = (
        f"{low}" if low == high else f"{low} to {high}"
        for low, high in (
            (table[name].min(), table[name].max())
            for name in ("photos", "without_boxes", "over_half", "runs")
        )
    )
    text = f"over {photos} test photos and {runs} seed{'s' * (runs != '1')}"
    left_out = {"without person boxes": without, "with people over more than half": over_half}
    excluded = [f"{count} {why}" for why, count in left_out.items() if count != "0"]
    return text + (f"\nexcluded: {' and '.join(excluded)}" if excluded else "")


@rc_context(STYLE)
def reliability(table: pd.DataFrame, scores: pd.DataFrame, over: str) -> Figure:
    """One reliability diagram per model: accuracy against confidence, with the 95 % band under
    perfect calibration; in brackets the expected ECE under perfect calibration. Models with
    predictions of fewer than `JUDGED` photos are not judged.

    Args:
        table: from `calibration.reliability`, one task and scheme; at least one model.
        scores: from `calibration.scores`: model, images, ece, calibrated_mean.
        over: description of photos and runs, for the title.
    """
    judged = scores[scores["images"] >= JUDGED]
    rest = scores.loc[scores["images"] < JUDGED, "model"].tolist()
    why = f"cannot be judged: fewer than {JUDGED} photos"
    if judged.empty:
        return sentence(over, f"The calibration of these models {why}.")
    columns = 4
    lines = -(-len(judged) // columns)
    figure = Figure(figsize=(WIDTH, 2.25 * lines + 0.7))
    grid = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True)
    for axes in grid.flat[len(judged) :]:
        axes.set_axis_off()
    for axes, score in zip(grid.flat, judged.itertuples(), strict=False):
        points = table[table["model"] == score.model].sort_values("confidence")
        axes.plot([0, 1], [0, 1], color=QUIET, linestyle="--", linewidth=1)
        axes.fill_between(
            points["confidence"],
            points["calibrated_low"],
            points["calibrated_high"],
            color=QUIET,
            alpha=0.25,
            lw=0,
        )
        axes.plot(points["confidence"], points["accuracy"], "o-", color=COLOURS[0], ms=5)
        axes.set_title(
            f"{score.model}\nECE {score.ece:.2f} ({score.calibrated_mean:.2f})", fontsize=SMALL
        )
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=""))
            axis.set_ticks([0, 0.5, 1])
    titles = [over, *([f"{', '.join(rest)} {why}"] if rest else [])]
    figure.suptitle(filled(*titles), fontsize=11, x=0.01, ha="left")
    figure.supxlabel("confidence (%)", fontsize=11)
    figure.supylabel("accuracy (%)", fontsize=11)
    return figure
