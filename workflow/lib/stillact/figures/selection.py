"""The figure that compares recipes, in the style of `figures.style`."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from stillact.figures.style import COLOURS, QUIET, STYLE, WIDTH

SCHEMES = {  # vertical offset, marker, colour, label
    "cv": (-0.15, "o", COLOURS[0], "cross-validated: {images} photos, each tested in its fold"),
    "holdout": (0.15, "D", COLOURS[1], "holdout: {images} test photos"),
}
DASHES = ("--", ":")  # of the baselines


@rc_context(STYLE)
def recipes(table: pd.DataFrame, baselines: Mapping[str, float]) -> Figure:
    """Accuracy of each model with its 95 % interval, cross-validated and on the holdout; ordered by
    cross-validated accuracy, models without it last.

    Args:
        table: from `selection.recipes`.
        baselines: accuracy of baselines by name, 0 to 1; at most as many as `DASHES`.
    """
    models = list(dict.fromkeys(table.sort_values("scheme", kind="stable")["model"]))
    place = {model: i for i, model in enumerate(models)}
    figure = Figure(figsize=(WIDTH, 1.6 + 0.3 * len(models)))
    axes = figure.subplots()
    for scheme, rows in table.groupby("scheme"):
        beside, marker, colour, words = SCHEMES[scheme]
        value = 100 * rows["accuracy"]
        reach = value - 100 * rows["accuracy_ci_low"], 100 * rows["accuracy_ci_high"] - value
        axes.errorbar(
            value,
            rows["model"].map(place) + beside,
            xerr=np.clip(reach, 0, None),
            fmt=marker,
            color=colour,
            ms=5,
            elinewidth=1.5,
            label=words.format(images=rows["images"].max()),
        )
    for dashes, (name, accuracy) in zip(DASHES, baselines.items(), strict=False):
        rate = 100 * accuracy
        axes.axvline(
            rate, color=QUIET, linestyle=dashes, linewidth=1, label=f"{name}: {rate:.1f} %"
        )
    axes.set_xlabel("accuracy (%), with 95 % interval")
    axes.xaxis.set_major_formatter(PercentFormatter(100, decimals=0, symbol=""))
    axes.set_yticks(range(len(models)), models)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(models) - 0.5, -0.5)
    axes.grid(axis="both", color=QUIET, alpha=0.25, linewidth=0.7)
    figure.legend(loc="outside upper left", alignment="left")
    return figure


@rc_context(STYLE)
def more_photos(table: pd.DataFrame) -> Figure:
    """The accuracy by number of training photos, and what is expected of more.

    Args:
        table: from `more_photos.curve`, with the column model; without rows, the figure says so.
    """
    figure = Figure(figsize=(WIDTH, 2.8))
    axes = figure.subplots()
    if table.empty:
        axes.text(0.5, 0.5, "too few photos for a learning curve", ha="center", va="center")
        axes.set_axis_off()
        return figure
    measured, expected = table[:-1], table[-1:]
    for rows, look in (
        (measured, dict(fmt="o-", color=COLOURS[0], label="measured")),
        (expected, dict(fmt="o", color=COLOURS[1], mfc="white", label="expected")),
    ):
        value = 100 * rows["accuracy"]
        reach = value - 100 * rows["ci_low"], 100 * rows["ci_high"] - value
        axes.errorbar(rows["photos"], value, yerr=np.clip(reach, 0, None), ms=5, **look)
    last = table[-2:]
    axes.plot(last["photos"], 100 * last["accuracy"], "--", color=COLOURS[1], linewidth=1)
    axes.set(
        xlabel=f"training photos of {table['model'].iloc[0]}",
        ylabel="accuracy (%)",
        xlim=(0, None),
    )
    axes.grid(color=QUIET, alpha=0.25, linewidth=0.7)
    axes.legend(loc="lower right")
    return figure
