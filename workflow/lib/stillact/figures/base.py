"""The study's figures, in one style. The same input gives the same bytes.

Where a study has more classes than there are colours, classes are told by their names alone.
"""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from PIL import Image, ImageOps

from stillact.core.tables import replacing
from stillact.data.preprocess import upright

# Okabe and Ito's colours, told apart by colour-blind readers; a class keeps the colour and the
# marker of its place in the list of classes.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "^", "s", "D", "v", "P")
INK, QUIET = "#222222", "#767676"

STYLE = {
    "figure.constrained_layout.use": True,
    "savefig.dpi": 160,
    "font.family": "DejaVu Sans",  # comes with Matplotlib
    "font.size": 11,
    "axes.titlesize": 11,
    "axes.labelsize": 11,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "svg.hashsalt": "stillact",
}
WIDTH = 5.6  # inches: letters of 11 points are still read on a phone's screen
SIDE = 280  # pixels of an example's square


def save(figure: Figure, path: str | Path) -> None:
    """Write `figure` in the format of the path's ending (.png or .svg), in one step."""
    kind = Path(path).suffix.removeprefix(".")
    undated = {"svg": {"Date": None}, "png": {"Software": None}}
    with rc_context(STYLE), replacing(path) as part:
        figure.savefig(part, format=kind, metadata=undated[kind])


@rc_context(STYLE)
def examples(paths: Mapping[str, Sequence[Path]]) -> Figure:
    """Figure 1: a row of photos a class, each whole and undistorted in the middle of a square; of
    many classes one photo each.

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
    heads = [broken(label, 17) for label in paths]
    lines = max(head.count("\n") + 1 for head in heads)
    figure = Figure(figsize=(WIDTH, rows * (WIDTH / columns + 0.1 + 0.17 * lines)))
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, head, files in zip(grid.flat, heads, paths.values(), strict=False):
        axes.set_title(head, fontsize=10)
        if files:
            _square(axes, files[0])
    return figure


def _square(axes, file: Path) -> None:
    with Image.open(file) as image:
        small = ImageOps.contain(upright(image), (SIDE, SIDE))
    x, y = small.width / 2, small.height / 2
    axes.imshow(small, extent=(-x, x, -y, y))
    axes.set(xlim=(-SIDE / 2, SIDE / 2), ylim=(-SIDE / 2, SIDE / 2))


def broken(text: str, letters: int) -> str:
    """Broken into lines of so many letters, at spaces and underscores where there are any."""
    return textwrap.fill(text.replace("_", "_ "), letters).replace("_ ", "_")


@rc_context(STYLE)
def sizes(photos: pd.DataFrame, classes: Sequence[str]) -> Figure:
    """Figure 2: width against height, both by class, and the aspect ratios. Many classes have a
    line each, with its name, in place of a colour.

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
        panels["width"].set_yticks(range(1, len(classes) + 1), classes, fontsize=9)
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


def _boxes(axes, columns: list[pd.Series], lying: bool) -> None:
    drawn = axes.boxplot(
        columns,
        widths=0.55,
        patch_artist=True,
        medianprops={"color": INK},
        flierprops={"marker": ".", "markeredgecolor": QUIET},
        orientation="horizontal" if lying else "vertical",
    )
    for place, box in enumerate(drawn["boxes"]):
        box.set(facecolor=COLOURS[0 if lying else place], alpha=0.75, edgecolor=INK)
    if lying:
        axes.invert_yaxis()


def _edges(values: pd.Series) -> tuple[float, float]:
    low, high = values.min(), values.max()
    return (low, high) if low < high else (low - 0.5, high + 0.5)


@rc_context(STYLE)
def accuracy(
    table: pd.DataFrame,
    seeds: Mapping[str, Sequence[float]],
    largest_class_rate: float,
    subset: str,
) -> Figure:
    """Accuracy a row: each seed, their mean with its 95 % interval, and the paper's figure.

    Args:
        table: a table of `paper.compare`, drawn from top to bottom; at least one row.
        seeds: the accuracies (0 to 1) of the seeds, by the name in the table's first column.
        largest_class_rate: accuracy of answering always the largest class, 0 to 1.
        subset: the photos judged, for the axis: validation or test.
    """
    figure = Figure(figsize=(WIDTH, 1.5 + 0.46 * len(table)))
    axes = figure.subplots()
    names = table.iloc[:, 0]
    place = np.arange(len(table))
    axes.axvline(
        largest_class_rate,
        color=QUIET,
        linestyle="--",
        linewidth=1,
        label=f"largest class: {100 * largest_class_rate:.1f} %",
    )
    known = table["accuracy_paper"].notna()
    if known.any():
        axes.plot(
            table.loc[known, "accuracy_paper"],
            place[known] - 0.22,
            "D",
            mfc="none",
            mec=COLOURS[1],
            ms=6.5,
            label="paper, on its photos",
        )
    each = [(value, row) for row, name in enumerate(names) for value in seeds[name]]
    axes.plot(
        [v for v, _ in each],
        [row + 0.24 for _, row in each],
        ".",
        color=COLOURS[0],
        alpha=0.45,
        markeredgewidth=0,
        ms=9,
        label="one seed",
    )
    mean, low, high = (table[f"accuracy_{value}"] for value in ("mean", "ci_low", "ci_high"))
    axes.errorbar(
        mean,
        place,
        xerr=[mean - low, high - mean],
        fmt="o",
        color=COLOURS[0],
        ms=7,
        elinewidth=2,
        label="mean, 95 % interval" if low.notna().any() else "mean",
    )
    axes.set_yticks(place, names)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(table) - 0.45, -0.55)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=""))
    axes.set_xlabel(f"accuracy on the {subset} photos (%)")
    axes.grid(axis="x", color=QUIET, alpha=0.25, linewidth=0.7)
    figure.legend(loc="outside upper left", ncols=2, columnspacing=1.2, handletextpad=0.5)
    return figure


@rc_context(STYLE)
def confusion(counts: Mapping[str, pd.DataFrame]) -> Figure:
    """Figure 3: which class is taken for which, a panel a model, the most accurate first.

    A cell says which share of a true class is given an answer, and how many photos these are; of
    many classes the share alone, as a number where there is room.

    Args:
        counts: tables of `metrics.confusion`, of at least one model, all of the same photos.
    """
    share_right = {name: np.trace(table) / table.to_numpy().sum() for name, table in counts.items()}
    names = sorted(counts, key=share_right.get, reverse=True)
    titles = {name: f"{name}\naccuracy {100 * share_right[name]:.1f} %" for name in names}
    photos = counts[names[0]].sum(axis=1)
    if len(photos) > len(COLOURS):
        return _confusion_of_many({title: counts[name] for name, title in titles.items()})
    columns = max(1, 5 - len(photos))
    rows = -(-len(names) // columns)
    side = (WIDTH - 1) / columns  # inches of a panel, about
    figure = Figure(figsize=(WIDTH, rows * (side + 0.45) + 0.3))
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for axes in grid.flat[len(names) :]:
        axes.set_axis_off()
    for place, (axes, name) in enumerate(zip(grid.flat, names, strict=False)):
        _matrix(axes, counts[name].to_numpy(), min(11, 14.4 * side / len(photos)))
        axes.set_title(titles[name])
        axes.tick_params(length=0)
        axes.tick_params(
            axis="x",
            labelbottom=place + columns >= len(names),
            labelrotation=90 if len(photos) > 3 else 0,
        )
    shown = [broken(label, 12 if columns > 1 else 18) for label in photos.index]
    axes.set_xticks(range(len(shown)), shown)
    of = [
        f"{label}\n{count:.0f} photo{'s' * (count != 1)}"
        for label, count in zip(shown, photos, strict=True)
    ]
    axes.set_yticks(range(len(shown)), of)
    figure.supxlabel("predicted class", fontsize=11)
    figure.supylabel("true class", fontsize=11)
    return figure


def _confusion_of_many(counts: Mapping[str, pd.DataFrame]) -> Figure:
    """A panel a model below each other, by its title, each with the names of the classes."""
    photos = next(iter(counts.values())).sum(axis=1)
    side = min(WIDTH, 0.33 * len(photos))  # inches of a panel, about
    points = min(10, 58 * side / len(photos))  # of a line's height four fifths
    figure = Figure(figsize=(WIDTH * 1.5, len(counts) * (side + 2.2) + 0.7))
    grid = figure.subplots(len(counts), 1, squeeze=False)[:, 0]
    of = [f"{label} ({count:.0f})" for label, count in photos.items()]
    for axes, (title, table) in zip(grid, counts.items(), strict=True):
        shares = _shares(axes, table.to_numpy())
        axes.set_title(title)
        axes.tick_params(length=0, labelsize=points)
        axes.set_xticks(range(len(photos)), photos.index, rotation=90)
        axes.set_yticks(range(len(photos)), of)
        axes.set(xlabel="predicted class", ylabel="true class (photos)")
        for (row, column), share in np.ndenumerate(shares):
            if share >= 0.005 and points > 7:
                axes.text(
                    column,
                    row,
                    f"{100 * share:.0f}",
                    ha="center",
                    va="center",
                    size=0.8 * points,
                    color="white" if share > 0.63 else INK,
                )
    figure.colorbar(
        axes.images[0],
        ax=grid,
        location="bottom",
        aspect=40,
        shrink=0.6,
        fraction=0.3 / len(grid),
        pad=0.01,
        label="share of the true class (%)",
        format=PercentFormatter(1, decimals=0, symbol=""),
    )
    return figure


def _shares(axes, photos: np.ndarray) -> np.ndarray:
    """Draws which share of each true class is given each answer; not a number without a photo."""
    of = photos.sum(axis=1, keepdims=True)
    shares = np.divide(photos, of, out=np.full(photos.shape, np.nan), where=of > 0)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.spines[:].set_visible(False)
    return shares


def _matrix(axes, photos: np.ndarray, points: float) -> None:
    for (row, column), share in np.ndenumerate(_shares(axes, photos)):
        if np.isnan(share):  # no photo of this class
            continue
        text = {"color": "white" if share > 0.63 else INK, "ha": "center"}
        axes.text(column, row, f"{100 * share:.0f} %", va="bottom", size=points, **text)
        count = round(photos[row, column], 1)
        axes.text(column, row + 0.05, f"{count:g}", va="top", size=0.86 * points, **text)


@rc_context(STYLE)
def learning_curves(histories: Mapping[str, Sequence[pd.DataFrame]]) -> Figure:
    """Loss by epoch, a panel a model, a line a seed; a dot where the validation loss is lowest.

    Args:
        histories: the history.csv of each model's runs: epoch, train_loss, validation_loss (nats);
            at least one model.
    """
    columns = min(2, len(histories))
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
    axes.set_ylim(bottom=0)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles[:3], labels[:3], loc="outside upper left", ncols=3)
    figure.supxlabel("epoch", fontsize=11)
    figure.supylabel("loss (nats)", fontsize=11)
    return figure
