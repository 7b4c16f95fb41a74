"""Figures of the sensitivity to settings, on the validation photos."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from stillact.evaluation.sweep import METRICS, SETTINGS
from stillact.figures.style import COLOURS, INK, QUIET, STYLE, WIDTH

AXES = {
    "validation_loss": "validation loss\n(nats; lower is better)",
    "validation_accuracy": "validation accuracy (%)",
}
NAMES = {
    "learning_rate": "learning rate\n(times the model's own)",
    "layer_decay": "layer decay",
    "augment": "augmentation",
}
SPREAD = 0.5  # horizontal spread of the points of one value, in axis units


@rc_context(STYLE)
def sweep(
    points: pd.DataFrame, summary: pd.DataFrame, own: Mapping[str, Any], model: str, over: str
) -> Figure:
    """Every combination by each setting: one column of panels per setting, one row per metric.

    Args:
        points: one row per combination: its settings and the metrics; at least one.
        summary: from `sweep.summary`, of these points.
        own: from `sweep.own`: the model's own values, which are marked.
        model: its name.
        over: description of the photos, for the title.
    """
    settings = [setting for setting in SETTINGS if setting in points]
    figure = Figure(figsize=(WIDTH, 5.6))
    grid = figure.subplots(len(METRICS), len(settings), sharex="col", sharey="row", squeeze=False)
    best = points.loc[points["validation_loss"].idxmin()]
    for line, metric in zip(grid, METRICS, strict=True):
        for axes, setting in zip(line, settings, strict=True):
            _values(axes, points, summary, best, setting, metric)
        line[0].set_ylabel(AXES[metric])
    for axes, setting in zip(grid[-1], settings, strict=True):
        values = points[setting].unique()
        marked = [
            f"{value}\n(config)" if value == own.get(setting) else f"{value}" for value in values
        ]
        axes.set_xticks(range(len(values)), marked)
        axes.set_xlim(-0.5, len(values) - 0.5)
        axes.set_xlabel(NAMES[setting])
    _percent(grid[-1, 0], points["validation_accuracy"])
    title = f"{model}: {len(points)} combinations, one seed, {over}"
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside upper left",
        ncols=3,
        alignment="left",
        title="\n".join([title, *_spreads(summary)]),
    )
    return figure


def _values(axes, points: pd.DataFrame, summary: pd.DataFrame, best, setting, metric) -> None:
    """The points of a panel; points with the same value are spread horizontally in their order."""
    medians = summary[(summary["setting"] == setting) & (summary["metric"] == metric)]["median"]
    places = np.arange(len(medians))
    place = points[setting].map({value: i for i, value in enumerate(points[setting].unique())})
    rank, count = (points.groupby(setting)[metric].transform(of) for of in ("cumcount", "size"))
    x = place + SPREAD * ((rank + 0.5) / count - 0.5)
    axes.plot(
        x,
        points[metric],
        "o",
        color=COLOURS[0],
        alpha=0.6,
        ms=5,
        markeredgewidth=0,
        label="one combination",
    )
    axes.hlines(
        medians,
        places - 0.35,
        places + 0.35,
        color=INK,
        linewidth=2,
        label="median per value",
    )
    axes.plot(
        x[best.name],
        best[metric],
        "o",
        mfc="none",
        mec=COLOURS[1],
        ms=10,
        mew=1.8,
        label="lowest loss",
    )
    axes.grid(axis="y", color=QUIET, alpha=0.25, linewidth=0.7)


def _spreads(summary: pd.DataFrame) -> list[str]:
    lines = []
    for row in summary[summary["setting"] == "all"].itertuples():
        scale = 100 if row.metric == "validation_accuracy" else 1
        best, median, low, high, iqr = (
            f"{scale * value:.{1 if scale == 100 else 2}f}"
            for value in (row.best, row.median, row.min, row.max, row.iqr)
        )
        unit = " %" if scale == 100 else ""
        lines.append(
            f"{row.metric.removeprefix('validation_')}: best {best}{unit}, median "
            f"{median}{unit}, range {low} to {high}{unit} (IQR {iqr})"
        )
    return lines


@rc_context(STYLE)
def alpha_curve(
    histories: Sequence[pd.DataFrame], chosen: Sequence[float], model: str, photos: int
) -> Figure:
    """Validation scores of weights interpolated between the zero-shot (alpha 0) and the fine-tuned
    model (alpha 1): a thin line per seed, the mean, and a dot at the alpha selected for each seed.

    Args:
        histories: for each seed alpha, validation_loss (nats) and validation_accuracy (0 to 1); at
            least one, all with the same alphas.
        chosen: the alpha of each seed, one of those.
        model: its name.
        photos: number of validation photos.
    """
    figure = Figure(figsize=(WIDTH, 3.9))
    every = pd.concat(histories)
    for axes, metric in zip(figure.subplots(1, len(AXES)), reversed(AXES), strict=True):
        for history, alpha in zip(histories, chosen, strict=True):
            axes.plot(
                history["alpha"],
                history[metric],
                color=COLOURS[0],
                linewidth=0.8,
                alpha=0.6,
                label="one seed",
            )
            at = history[np.isclose(history["alpha"], alpha)]
            axes.plot(
                at["alpha"],
                at[metric],
                "o",
                color=COLOURS[1],
                ms=6,
                alpha=0.8,
                markeredgewidth=0,
                label="selected alpha",
            )
        mean = every.groupby("alpha")[metric].mean()
        if len(histories) > 1:
            axes.plot(
                mean.index, mean, color=INK, linewidth=2.2, label="mean over seeds", zorder=1.5
            )
        axes.set_xticks(
            [0, 0.25, 0.5, 0.75, 1], ["0\nzero-shot", ".25", ".5", ".75", "1\nfine-tuned"]
        )
        axes.set(xlabel="alpha", ylabel=AXES[metric], xlim=(-0.05, 1.05))
        axes.grid(axis="y", color=QUIET, alpha=0.25, linewidth=0.7)
    _percent(figure.axes[0], every["validation_accuracy"])
    handles, labels = figure.axes[0].get_legend_handles_labels()
    each = dict(zip(labels, handles, strict=True))
    seeds = "one seed" if len(histories) == 1 else f"{len(histories)} seeds"
    figure.legend(
        each.values(),
        each,
        loc="outside upper left",
        ncols=3,
        alignment="left",
        title=f"{model}: {seeds}, {photos} validation photos",
    )
    return figure


def _percent(axes, accuracies: pd.Series) -> None:
    """Integer percentages on the vertical axis, with a margin, so that a difference of one photo
    does not fill the axis."""
    axes.set_ylim(max(accuracies.min() - 0.05, -0.02), min(accuracies.max() + 0.05, 1.02))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=""))
