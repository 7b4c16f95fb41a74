"""Figures of the error analysis, in the style of `figures.style`. The title of each states the
photos and runs; without data, the figure is a sentence."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from PIL import ImageOps

from stillact.data.pixels import stored, upright
from stillact.evaluation.agreement import agreement_sentence
from stillact.evaluation.error_analysis import CONFIDENT, NO_BOXES
from stillact.evaluation.error_factors import FACTORS, UNKNOWN
from stillact.figures.style import (
    COLOURS,
    INK,
    MARKERS,
    QUIET,
    SIDE,
    SMALL,
    STYLE,
    WIDTH,
    broken,
    filled,
    matrix,
    sentence,
    shortened,
)

LETTERS = 12  # characters of SMALL size per inch
TALL = 1.75  # inches: height of a photo, including the gap
PHOTOS = 12  # maximum number of photos misclassified by all models
CLASSES = 6  # maximum for one column per class; with more, the most confident errors are shown


@rc_context(STYLE)
def failures(
    table: pd.DataFrame,
    models: Sequence[str],
    classes: Sequence[str],
    paths: Mapping[str, Path],
    names: Mapping[str, str],
    over: str,
) -> Figure:
    """Figure 5: one row per model, one column per true class: the photo of a confident error,
    uncropped and undistorted; below it the prediction with its probability, how many of the models
    misclassify the photo, and its path. With many classes the `CLASSES` most confident of these
    errors of each model, with the true class below the photo too.

    Args:
        table: from `error_analysis.failures`.
        models, classes: in the order shown, at least one of each.
        paths: the photo files, by image_id.
        names: their paths or urls in the manifest, by image_id.
        over: description of photos and runs, for the title.
    """
    width = (WIDTH - 0.5) / min(len(classes), CLASSES)  # inches
    letters = int(LETTERS * width)
    confident = table[table["rule"] == CONFIDENT]
    name = confident["image_id"].map(lambda image: shortened(names[image], letters))
    cells, columns = _surest(confident.assign(name=name), classes, len(models), letters)
    heads = [broken(str(head), letters) for head in columns.values()]
    row_height = min(TALL, width) + 0.2 * _most_lines(cells["below"])
    height = 0.7 + 0.2 * _most_lines(heads) + row_height * len(models)
    figure = Figure(figsize=(WIDTH, height))
    figure.get_layout_engine().set(h_pad=0.1)  # type: ignore[call-arg]
    grid = figure.subplots(len(models), len(columns), squeeze=False)
    for (row, place), axes in np.ndenumerate(grid):
        cell = models[row], list(columns)[place]
        if cell in cells.index:
            _photo(axes, paths[cells.loc[cell, "image_id"]])
            axes.set_xlabel(cells.loc[cell, "below"], fontsize=SMALL)
        else:
            _nothing(axes, "no errors" if any(heads) else "no more")
    for axes, head in zip(grid[0], heads, strict=True):
        axes.set_title(head)
    for axes, model in zip(grid[:, 0], models, strict=True):
        axes.set_ylabel(broken(model, 18))
    _title(figure, f"Confident errors, {over}")
    return figure


def _surest(
    table: pd.DataFrame, classes: Sequence[str], models: int, letters: int
) -> tuple[pd.DataFrame, dict]:
    """Photos of figure 5 (image_id, below) by model and column, and the title of each column."""
    predicted = table["answer"] + ", " + (100 * table["probability"]).map("{:.0f} %".format)
    shared = table["models_wrong"].map(lambda count: broken(f"wrong: {count} of {models}", letters))
    about = "\n" + shared + "\n" + table["name"]
    if len(classes) <= CLASSES:
        below = predicted.map(lambda text: broken(text, letters)) + about
        return table.assign(below=below).set_index(["model", "class"]), {c: c for c in classes}
    label = table["class"].map(lambda text: broken(f"label {text}", letters))
    below = label + "\n" + predicted.map(lambda text: broken(f"pred. {text}", letters)) + about
    place = table.groupby("model")["probability"].rank(method="first", ascending=False)
    cells = table.assign(below=below, place=place.astype(int)).set_index(["model", "place"])
    return cells, dict.fromkeys(range(1, CLASSES + 1), "")


@rc_context(STYLE)
def wrong_by_all(
    table: pd.DataFrame,
    paths: Mapping[str, Path],
    names: Mapping[str, str],
    summary: str,
    over: str,
) -> Figure:
    """Photos that all models misclassify, the hardest first, with the label, the most frequent
    prediction and the path.

    Args:
        table: from `error_analysis.wrong_by_all`.
        paths: the photo files, by image_id, of at least the first `PHOTOS`.
        names: their paths or urls in the manifest, by image_id.
        summary: summary of the table (`error_analysis.wrong_by_all_sentence`).
        over: description of photos and runs, for the title.
    """
    if table.empty:
        return sentence(over, summary)
    shown = table.head(PHOTOS)
    columns = 3
    rows = -(-len(shown) // columns)
    letters = int(LETTERS * WIDTH / columns)
    below = [
        f"{broken(f'label {row.label}', letters)}\n{broken(f'pred. {row.answer}', letters)}\n"
        + shortened(names[row.image_id], letters)
        for row in shown.itertuples()
    ]
    row_height = WIDTH / columns + 0.2 * _most_lines(below)
    figure = Figure(figsize=(WIDTH, 0.75 + row_height * rows))
    figure.get_layout_engine().set(h_pad=0.1)  # type: ignore[call-arg]
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat[len(shown) :]:
        axes.set_axis_off()
    for axes, image, text in zip(grid.flat, shown["image_id"], below, strict=False):
        _photo(axes, paths[image])
        axes.set_xlabel(text, fontsize=SMALL)
    hardest = f" The {len(shown)} hardest:" if len(shown) < len(table) else ""
    _title(figure, over, f"{summary}{hardest}")
    return figure


@rc_context(STYLE)
def error_rates(table: pd.DataFrame, models: Sequence[str], over: str) -> Figure:
    """Error rates by factor, one panel per factor, with 95 % Wilson intervals; below each bin its
    limits and number of photos.

    Args:
        table: from `error_analysis.rates`, of one scheme.
        models: models shown, at most as many as there are colours; at least one.
        over: description of photos and runs, for the title.
    """
    columns, factors = 2, [factor for factor in FACTORS if factor in set(table["factor"])]
    rows = -(-len(factors) // columns)
    figure = Figure(figsize=(WIDTH, 0.8 + 2.1 * rows))
    grid = figure.subplots(rows, columns, sharey=True)
    for axes in grid.flat[len(factors) :]:
        axes.set_axis_off()
    for axes, factor in zip(grid.flat, factors, strict=False):
        _rates(axes, table[table["factor"] == factor], models)
        axes.set_xlabel(broken(FACTORS[factor].title, 30))
    grid[0, 0].set(ylim=(0, 1), yticks=[0, 0.25, 0.5, 0.75, 1])
    grid[0, 0].yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=""))
    drawn = [axes.get_legend_handles_labels() for axes in grid.flat]
    figure.legend(
        *max(drawn, key=lambda legend: len(legend[1])),
        loc="outside upper left",
        title=over,
        alignment="left",
        ncols=len(models),
    )
    figure.supylabel("error rate (%)", fontsize=11)
    return figure


def _rates(axes: Axes, table: pd.DataFrame, models: Sequence[str]) -> None:
    """The panel of one factor."""
    known = table[(table["bin"] != UNKNOWN) & table["model"].isin(models)]
    if known.empty:
        axes.set_xticks([])
        axes.text(0.5, 0.5, NO_BOXES, transform=axes.transAxes, ha="center", color=QUIET)
        return
    bins = known.groupby("bin", sort=False)["photos"].max()
    place = {name: i for i, name in enumerate(bins.index)}
    for i, model in enumerate(models):
        rows = known[known["model"] == model]
        x = rows["bin"].map(place) + 0.16 * (i - (len(models) - 1) / 2)
        reach = [rows["error_rate"] - rows["ci_low"], rows["ci_high"] - rows["error_rate"]]
        axes.errorbar(
            x,
            rows["error_rate"],
            yerr=np.clip(reach, 0, None),
            fmt=MARKERS[i],
            color=COLOURS[i],
            ms=6,
            elinewidth=2,
            label=model,
        )
    letters = int(LETTERS * 0.42 * WIDTH / len(bins))
    names = [
        f"{broken(name, letters)}\n{count} photo{'s' * (count != 1)}"
        for name, count in bins.items()
    ]
    axes.set_xticks(range(len(bins)), names, fontsize=SMALL)
    axes.set_xlim(-0.5, len(bins) - 0.5)
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="y", color=QUIET, alpha=0.25, linewidth=0.7)


@rc_context(STYLE)
def agreement(table: pd.DataFrame, models: Sequence[str], over: str) -> Figure:
    """Cohen's kappa of each pair of models.

    Args:
        table: from `agreement.agreement`, of one scheme.
        models: in the order shown.
        over: description of photos and runs, for the title.
    """
    if len(models) < 2:
        return sentence(over, agreement_sentence(table))
    place = {model: i for i, model in enumerate(models)}
    kappa = np.full((len(models), len(models)), np.nan)
    for row in table.itertuples():
        a, b = place[row.model_a], place[row.model_b]
        kappa[a, b] = kappa[b, a] = row.kappa
    figure, axes, size = matrix(len(models))
    image = axes.imshow(kappa, cmap="Blues", vmin=0, vmax=1)
    for (a, b), value in np.ndenumerate(kappa):
        if a != b:
            shown = "none" if np.isnan(value) else f"{value:z.2f}".replace("-", "−")
            axes.text(
                b,
                a,
                shown,
                ha="center",
                va="center",
                fontsize=size,
                color="white" if value > 0.63 else INK,
            )
    axes.set_xticks(range(len(models)), models, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(models)), models)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    _title(figure, over)
    figure.colorbar(image, ax=axes, shrink=0.7, extend="min", label="Cohen's kappa")
    return figure


def _photo(axes: Axes, file: Path) -> None:
    """A photo, uncropped and undistorted, at the bottom of a square, close to the text below it."""
    with stored(file) as image:
        small = ImageOps.contain(upright(image), (SIDE, SIDE))
    x, bottom = small.width / 2, -SIDE / 2
    axes.imshow(small, extent=(-x, x, bottom, bottom + small.height))
    _bare(axes)


def _nothing(axes: Axes, why: str) -> None:
    axes.text(0, 0, why, ha="center", va="center", color=QUIET, fontsize=SMALL)
    axes.set_aspect("equal")
    _bare(axes)


def _bare(axes: Axes) -> None:
    axes.set(xlim=(-SIDE / 2, SIDE / 2), ylim=(-SIDE / 2, SIDE / 2), xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def _most_lines(texts: Iterable[str]) -> int:
    return max((text.count("\n") + 1 for text in texts), default=1)


def _title(figure: Figure, *lines: str) -> None:
    figure.suptitle(filled(*lines), fontsize=11, x=0.01, ha="left")
