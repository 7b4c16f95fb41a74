"""The figure of learning curves: loss by epoch."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from stillact.figures.style import COLOURS, QUIET, STYLE, WIDTH


@rc_context(STYLE)
def learning_curves(histories: Mapping[str, Sequence[pd.DataFrame]]) -> Figure:
    """Loss by epoch, one panel per model, one line per seed; a dot at the lowest validation loss.

    Args:
        histories: the history.csv of each model's runs: epoch, train_loss, validation_loss (nats);
            at least one model.
    """
    columns = min(3, len(histories))
    rows = -(-len(histories) // columns)
    figure = Figure(figsize=(WIDTH, 0.9 + 1.65 * rows))
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for axes in grid.flat[len(histories) :]:
        axes.set_axis_off()
    for axes, (name, runs) in zip(grid.flat, histories.items(), strict=False):
        axes.set_title(name, loc="left")
        axes.grid(axis="y", color=QUIET, alpha=0.25, linewidth=0.7)
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(4))
        for run in runs:
            _losses(axes, run)
    axes.set_ylim(bottom=0)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles[:3], labels[:3], loc="outside upper left", ncols=3)
    figure.supxlabel("epoch", fontsize=11)
    figure.supylabel("loss (nats)", fontsize=11)
    return figure


def _losses(axes, run: pd.DataFrame) -> None:
    best = run.loc[run["validation_loss"].idxmin()]
    axes.plot(
        run["epoch"],
        run["train_loss"],
        "--",
        color=COLOURS[1],
        linewidth=0.9,
        label="training",
    )
    axes.plot(
        run["epoch"],
        run["validation_loss"],
        color=COLOURS[0],
        linewidth=0.9,
        label="validation",
    )
    axes.plot(
        best["epoch"],
        best["validation_loss"],
        "o",
        color=COLOURS[0],
        ms=4.5,
        label="best epoch",
    )
