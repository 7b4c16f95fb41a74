"""Figures of the dataset: example photos of each class, and sizes of the photos."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure
from PIL import ImageOps

from stillact.data.pixels import stored, upright
from stillact.figures.style import COLOURS, INK, MARKERS, QUIET, SIDE, SMALL, STYLE, WIDTH, broken


@rc_context(STYLE)
def examples(paths: Mapping[str, Sequence[Path]]) -> Figure:
    """Figure 1: one row of photos per class, each uncropped and undistorted, centred in a square;
    with many classes one photo per class.

    Args:
        paths: photo files for each class, at least one class with a photo.
    """
    if len(paths) > len(COLOURS):
        return _one_of_each(paths)
    columns = max(len(files) for files in paths.values())
    figure = Figure(figsize=(WIDTH, len(paths) * (WIDTH / columns + 0.3)))
    grid = figure.subplots(len(paths), columns, squeeze=False)
    for row, (label, files) in zip(grid, paths.items(), strict=True):
        row[0].set_title(label, loc="left")
        for axes in row:
            axes.set_axis_off()
        for axes, file in zip(row, files, strict=False):
            _square(axes, file)
    return figure


def _one_of_each(paths: Mapping[str, Sequence[Path]]) -> Figure:
    columns = 4
    rows = -(-len(paths) // columns)
    heads = [broken(label, 22) for label in paths]
    lines = max(head.count("\n") + 1 for head in heads)
    figure = Figure(figsize=(WIDTH, rows * (WIDTH / columns + 0.1 + 0.17 * lines)))
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, head, files in zip(grid.flat, heads, paths.values(), strict=False):
        axes.set_title(head, fontsize=SMALL)
        if files:
            _square(axes, files[0])
    return figure


def _square(axes, file: Path) -> None:
    with stored(file) as image:
        small = ImageOps.contain(upright(image), (SIDE, SIDE))
    x, y = small.width / 2, small.height / 2
    axes.imshow(small, extent=(-x, x, -y, y))
    axes.set(xlim=(-SIDE / 2, SIDE / 2), ylim=(-SIDE / 2, SIDE / 2))


@rc_context(STYLE)
def sizes(photos: pd.DataFrame, classes: Sequence[str]) -> Figure:
    """Figure 2: width against height, both by class, and the aspect ratios. With many classes, each
    has a labelled row instead of a colour.

    Args:
        photos: label, width and height in pixels, aspect_ratio; at least one photo.
        classes: labels in the order shown.
    """
    many = len(classes) > len(COLOURS)
    every = {label: photos[photos["label"] == label] for label in classes}
    groups = {"": photos[photos["label"].isin(classes)]} if many else every
    boxes = 0.4 + 0.24 * len(classes) if many else 2.4  # inches
    figure = Figure(figsize=(WIDTH, 6 + boxes))
    panels = figure.subplot_mosaic(
        [["scatter"] * 2, ["width", "height"], ["ratio"] * 2], height_ratios=[3.8, boxes, 2.2]
    )
    for place, (label, group) in enumerate(groups.items()):
        panels["scatter"].scatter(
            group["width"],
            group["height"],
            s=26,
            alpha=0.6,
            linewidths=0,
            c=COLOURS[place],
            marker=MARKERS[place % len(MARKERS)],
            label=label,
        )
    panels["scatter"].set(xlabel="width (px)", ylabel="height (px)")
    for measure in ("width", "height"):
        _boxes(panels[measure], [group[measure] for group in every.values()], many)
    if many:
        panels["width"].set(xlabel="width (px)")
        panels["width"].set_yticks(range(1, len(classes) + 1), classes, fontsize=SMALL)
        panels["height"].set(xlabel="height (px)", yticks=[])
    else:
        figure.legend(loc="outside upper center", ncols=min(len(groups), 3), handletextpad=0.1)
        panels["width"].set(ylabel="width (px)", xticks=[], xlabel="classes as above")
        panels["height"].set(ylabel="height (px)", xticks=[], xlabel="classes as above")
    panels["ratio"].hist(
        [group["aspect_ratio"] for group in groups.values()],
        bins=np.linspace(*_edges(photos["aspect_ratio"]), 25),
        stacked=True,
        color=COLOURS[: len(groups)],
    )
    panels["ratio"].set(xlabel="aspect ratio (width / height)", ylabel="photos (count)")
    return figure


def _boxes(axes, columns: list[pd.Series], horizontal: bool) -> None:
    drawn = axes.boxplot(
        columns,
        widths=0.55,
        patch_artist=True,
        medianprops={"color": INK},
        flierprops={"marker": ".", "markeredgecolor": QUIET},
        orientation="horizontal" if horizontal else "vertical",
    )
    for place, box in enumerate(drawn["boxes"]):
        box.set(facecolor=COLOURS[0 if horizontal else place], alpha=0.75, edgecolor=INK)
    if horizontal:
        axes.invert_yaxis()


def _edges(values: pd.Series) -> tuple[float, float]:
    low, high = values.min(), values.max()
    return (low, high) if low < high else (low - 0.5, high + 0.5)
