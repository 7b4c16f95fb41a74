"""The figure of the external validation."""

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from stillact.figures.style import COLOURS, INK, MARKERS, QUIET, STYLE, WIDTH


@rc_context(STYLE)
def external(summary: pd.DataFrame, classes: pd.DataFrame, name: str) -> Figure:
    """Accuracy of each model on the external and on the study's test photos, and recall per class.

    Args:
        summary: from `external_metrics.summary`; drawn from top to bottom.
        classes: from `external_metrics.by_class`.
        name: of the dataset.
    """
    place = np.arange(len(summary))
    figure = Figure(figsize=(WIDTH, 1.9 + 0.34 * len(summary)))
    left, right = figure.subplots(1, 2, sharey=True)
    reach = [
        summary["accuracy"] - summary["accuracy_ci_low"],
        summary["accuracy_ci_high"] - summary["accuracy"],
    ]
    left.plot(
        summary["holdout_accuracy"],
        place - 0.2,
        "o",
        mfc="none",
        mec=INK,
        ms=6,
        label="the study's test photos",
    )
    left.errorbar(
        summary["accuracy"],
        place + 0.1,
        xerr=np.clip(reach, 0, None),
        fmt="o",
        color=COLOURS[0],
        ms=6,
        elinewidth=2,
        label=f"{name}, 95 % interval",
    )
    left.set_xlabel("accuracy (%)")
    left.set_yticks(place, summary["model"])
    labels = list(classes["class"].unique())
    recall = classes.pivot(index="model", columns="class", values="recall").loc[summary["model"]]
    many = len(labels) > len(COLOURS)  # more than can be distinguished: see the table
    for i, label in enumerate(labels):
        offset = 0.22 * (i - (len(labels) - 1) / 2) / max(1, (len(labels) - 1) / 2)
        style = {"marker": ".", "color": QUIET, "label": None if i else "one class"}
        if not many:
            marker = MARKERS[i % len(MARKERS)]
            style = {"marker": marker, "color": COLOURS[i], "ms": 6, "label": label}
        right.plot(recall[label], place + offset, linestyle="", **style)
    right.set_xlabel(f"recall of each class of {name} (%)")
    for axes in (left, right):
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=""))
        axes.set_xlim(-0.03, 1.03)
        axes.set_ylim(len(summary) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color=QUIET, alpha=0.25, linewidth=0.7)
        figure.legend(
            *axes.get_legend_handles_labels(),
            loc="outside upper left" if axes is left else "outside upper right",
            ncols=1,
        )
    images, runs = summary["images"].iloc[0], summary["runs"].max()
    figure.supxlabel(f"over {images} photos and up to {runs} seeds", fontsize=11)
    return figure
