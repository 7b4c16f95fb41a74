"""The figure of robustness, in the style of `figures.style`."""

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import PercentFormatter

from stillact.evaluation.shown import over as over_photos
from stillact.figures.style import (
    COLOURS,
    INK,
    MARKERS,
    QUIET,
    REACH,
    SMALL,
    STYLE,
    WIDTH,
    signed,
)
from stillact.perturb.robustness import ALL, CLEAN, by_loss

NAMES = {ALL: "all with severities"}


@rc_context(STYLE)
def robustness(summary: pd.DataFrame) -> Figure:
    """Accuracy by severity, one line per model; and the drop in accuracy per corruption and model,
    in points, with a star where the interval excludes 0. Models are ordered from the smallest drop,
    corruptions from the largest.

    Args:
        summary: from `robustness.evaluate`, one task; at least one corruption.
    """
    models = by_loss(summary)
    lost = summary[summary["severity"].isna()]
    cost = lost.groupby("corruption")["accuracy_difference"].mean().sort_values(kind="stable")
    corruptions = sorted(cost.index, key=lambda name: name != ALL)
    heights = [0.3, 3.2 + 0.2 * len(models) if ALL in cost else 0.01, 1.6 + 0.3 * len(corruptions)]
    figure = Figure(figsize=(WIDTH, sum(heights)))
    over, lines, heat = figure.subfigures(3, 1, height_ratios=heights)
    clean = summary[summary["corruption"] == CLEAN].rename(columns={"photos": "images"})
    over.text(0.01, 0.5, over_photos(clean, "holdout"), va="center")
    if ALL in cost:
        _lines(lines, summary, models)
    _heat(heat.subplots(), lost, models, corruptions)
    heat.suptitle(
        "accuracy minus accuracy on clean photos (points)", fontsize=11, x=0.01, ha="left"
    )
    return figure


def _lines(figure: SubFigure, summary: pd.DataFrame, models: list[str]) -> None:
    """Accuracy on clean photos and at each severity, as the mean over corruptions."""
    axes = figure.subplots()
    rows = summary[summary["corruption"].isin([CLEAN, ALL]) & summary["severity"].notna()]
    for place, model in enumerate(models):
        row = rows[rows["model"] == model].sort_values("severity")
        axes.plot(
            row["severity"].astype(int),
            row["accuracy"],
            label=model,
            ms=6,
            marker=MARKERS[place % len(MARKERS)],
            color=COLOURS[place % len(COLOURS)],
        )
    severities = sorted({*rows["severity"].astype(int)})
    axes.set_xticks(severities, ["clean", *map(str, severities[1:])])
    axes.set(xlabel="severity (all corruptions that have one)", ylabel="accuracy (%)")
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=""))
    axes.grid(axis="y", color=QUIET, alpha=0.25, linewidth=0.7)
    figure.legend(loc="outside upper left", ncols=2)


def _heat(axes: Axes, lost: pd.DataFrame, models: list[str], corruptions: list[str]) -> None:
    """Points of accuracy, one row per corruption, one column per model."""
    table = lost.set_index(["corruption", "model"])
    shape = len(corruptions), len(models)
    points = np.full(shape, np.nan)
    size = min(SMALL, 110 / len(models))
    for (i, j), _ in np.ndenumerate(points):
        if (corruptions[i], models[j]) in table.index:
            row = table.loc[(corruptions[i], models[j])]
            points[i, j] = 100 * row["accuracy_difference"]
            sure = row["accuracy_difference_ci_low"] > 0 or row["accuracy_difference_ci_high"] < 0
            text = signed(points[i, j]) + "*" * bool(sure)
            dark = abs(points[i, j]) > 0.5 * REACH
            axes.text(
                j, i, text, ha="center", va="center", fontsize=size, color="white" if dark else INK
            )
    axes.imshow(points, cmap="PuOr", vmin=-REACH, vmax=REACH, aspect="auto")
    axes.set_xticks(range(len(models)), models, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(corruptions)), [NAMES.get(name, name) for name in corruptions])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
