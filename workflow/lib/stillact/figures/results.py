"""Figures of results: accuracy per model, and confusion matrices."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from stillact.figures.style import COLOURS, INK, QUIET, STYLE, WIDTH, broken

PANELS = 9  # confusion matrices in a figure


@rc_context(STYLE)
def accuracy(
    table: pd.DataFrame,
    seeds: Mapping[str, Sequence[float]],
    largest_class_rate: float,
    subset: str,
) -> Figure:
    """Accuracy per row: each seed, the mean with its 95 % interval, and the paper's value if the
    table has one.

    Args:
        table: from `model_tables.of_models` or `comparison.beside`, drawn from top to bottom; at
            least one row.
        seeds: the accuracies (0 to 1) of the seeds, by the name in the table's first column.
        largest_class_rate: accuracy of the majority-class baseline, 0 to 1.
        subset: validation or test, for the axis label.
    """
    figure = Figure(figsize=(WIDTH, 1.5 + 0.46 * len(table)))
    axes = figure.subplots()
    axes.axvline(
        largest_class_rate,
        color=QUIET,
        linestyle="--",
        linewidth=1,
        label=f"majority class: {100 * largest_class_rate:.1f} %",
    )
    _values(axes, table, seeds)
    axes.set_yticks(np.arange(len(table)), table.iloc[:, 0])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(table) - 0.45, -0.55)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=""))
    axes.set_xlabel(f"accuracy on the {subset} photos (%)")
    axes.grid(axis="x", color=QUIET, alpha=0.25, linewidth=0.7)
    figure.legend(loc="outside upper left", ncols=2, columnspacing=1.2, handletextpad=0.5)
    return figure


def _values(axes, table: pd.DataFrame, seeds: Mapping[str, Sequence[float]]) -> None:
    """The paper's value, each seed, and the mean with its interval, per row of `accuracy`."""
    place = np.arange(len(table))
    if "accuracy_paper" in table and (known := table["accuracy_paper"].notna()).any():
        axes.plot(
            table.loc[known, "accuracy_paper"],
            place[known] - 0.22,
            "D",
            mfc="none",
            mec=COLOURS[1],
            ms=6.5,
            label="paper, on its photos",
        )
    each = [(value, row) for row, name in enumerate(table.iloc[:, 0]) for value in seeds[name]]
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


@rc_context(STYLE)
def confusion(counts: Mapping[str, pd.DataFrame]) -> Figure:
    """Figure 3: confusion matrices, one panel per model, the most accurate first.

    A cell shows the share of a true class that is predicted as a class, and the number of photos;
    with many classes only the share, as a number if there is space.

    Args:
        counts: from `metrics.confusion`, of at least one model, all on the same photos; the
            `PANELS` most accurate models are drawn.
    """
    share_right = {name: np.trace(table) / table.to_numpy().sum() for name, table in counts.items()}
    names = sorted(counts, key=share_right.__getitem__, reverse=True)[:PANELS]
    titles = {name: f"{name}\naccuracy {100 * share_right[name]:.1f} %" for name in names}
    photos = counts[names[0]].sum(axis=1)
    if len(photos) > len(COLOURS):
        return _confusion_of_many({title: counts[name] for name, title in titles.items()})
    columns = max(1, min(3, 6 - len(photos)))
    rows = -(-len(names) // columns)
    side = (WIDTH - 1.3) / columns  # inches of a panel, about
    figure = Figure(figsize=(WIDTH, rows * (side + 0.45) + 0.3))
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for axes in grid.flat[len(names) :]:
        axes.set_axis_off()
    for place, (axes, name) in enumerate(zip(grid.flat, names, strict=False)):
        _matrix(axes, counts[name].to_numpy(), min(11, 14 * side / len(photos)))
        axes.set_title(titles[name])
        axes.tick_params(length=0)
        axes.tick_params(
            axis="x",
            labelbottom=place + columns >= len(names),
            labelrotation=90 if side < 0.9 * len(photos) else 0,
        )
    shown = [broken(label, 12 if columns > 1 else 18) for label in photos.index]
    axes.set_xticks(range(len(shown)), shown)
    of = [broken(f"{label} ({count:.0f})", 14) for label, count in photos.items()]
    axes.set_yticks(range(len(shown)), of)
    figure.supxlabel("predicted class", fontsize=11)
    figure.supylabel("true class (photos)", fontsize=11)
    return figure


def _confusion_of_many(counts: Mapping[str, pd.DataFrame]) -> Figure:
    """One panel per model, stacked vertically, each with its title and the names of the classes."""
    photos = next(iter(counts.values())).sum(axis=1)
    side = min(WIDTH - 2, 0.33 * len(photos))  # inches of a panel, about
    points = min(10, 58 * side / len(photos))  # of a line's height four fifths
    figure = Figure(figsize=(WIDTH, len(counts) * (side + 2.2) + 0.7))
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
    """Draw the share of each true class per predicted class; NaN without photos."""
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
