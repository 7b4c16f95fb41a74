"""Figures of saliency maps."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import colormaps, rc_context
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import PercentFormatter
from PIL import Image

from stillact.core.probabilities import classes_of, prob_column
from stillact.data.boxes import Box
from stillact.data.pixels import stored, upright
from stillact.figures.style import COLOURS, QUIET, SMALL, STYLE, WIDTH, broken, sentence, shortened
from stillact.saliency.localisation_summary import LOCATED

HEAT = "inferno"  # colour map
MOST = 0.75  # opacity of the largest value
TALLEST = 1.4  # maximum height of a photo's panel over its width
LINE = 0.17  # inches per line of text above it
MAPS, ROWS = 4, 13  # maximum numbers of maps per photo and of photos
TITLES = {
    "pointing": "maximum\non a person (%)",
    "energy": "relevance\non people (%)",
    "rank_accuracy": "top pixels\non people (%)",
}


def coloured(grid: np.ndarray) -> np.ndarray:
    """A map's values, 0 to 1, (rows, columns), as colours that are transparent at low values:
    float (rows, columns, 4), 0 to 1."""
    colours = colormaps[HEAT](grid)
    colours[..., 3] = MOST * grid
    return colours


@rc_context(STYLE)
def localisation(summary: pd.DataFrame, photos: str) -> Figure:
    """Localisation of maps: one row of panels per model, one column per metric, one dot per method.

    Args:
        summary: from `localisation_summary.summarise`.
        photos: description of the photos and runs.
    """
    rows = summary[(summary["answers"] == "all") & summary["metric"].isin(LOCATED)]
    models = rows["model"].unique()
    if not len(models):
        return sentence("No model has maps that can be compared with person boxes.")
    methods = rows["method"].unique()
    figure = Figure(figsize=(WIDTH, len(models) * (0.75 + 0.27 * len(methods)) + 0.9))
    grid = figure.subplots(len(models), len(LOCATED), squeeze=False, sharey=True)
    for line, model in zip(grid, models, strict=True):
        for axes, metric in zip(line, LOCATED, strict=True):
            found = rows[(rows["model"] == model) & (rows["metric"] == metric)]
            _dots(axes, found.set_index("method").reindex(methods))
        line[0].set_title(model, loc="left")
        line[0].set_yticks(range(len(methods)), [name.replace("_", " ") for name in methods])
    for axes, metric in zip(grid[-1], LOCATED, strict=True):
        axes.set_xlabel(TITLES[metric])
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside upper left", ncols=2, title=photos, alignment="left"
    )
    return figure


def _dots(axes, found: pd.DataFrame) -> None:
    place = np.arange(len(found))
    reach = [found["value"] - found["ci_low"], found["ci_high"] - found["value"]]
    axes.axvline(
        found["chance"].iloc[0],
        color=QUIET,
        linestyle="--",
        linewidth=1,
        label="chance: the area of people",
    )
    axes.errorbar(
        found["value"],
        place,
        xerr=np.clip(reach, 0, None),
        fmt="o",
        color=COLOURS[0],
        ms=6,
        elinewidth=2,
        label="mean over photos, 95 % interval",
    )
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=""))
    axes.set_xlim(-0.03, 1.03)
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=QUIET, alpha=0.25, linewidth=0.7)


@rc_context(STYLE)
def maps(
    examples: pd.DataFrame,
    paths: Mapping[str, Path],
    names: Mapping[str, str],
    grids: Mapping[str, np.ndarray],
    regions: Mapping[str, Sequence[float]],
    boxes: Mapping[str, Sequence[Box]],
    run: str,
) -> Figure:
    """Figure 4: photos with the map of every class; with many classes those of the true class and
    of the other most probable ones, and with many photos the first ones and the last.

    Args:
        examples: from `localisation_summary.examples`.
        paths: of the photos, by image_id, as for the following arguments.
        names: their paths or urls in the manifest.
        grids: (classes, rows, columns), 0 to 1, in the order of the prob_ columns.
        regions: the model's field of view: left, top, width, height, in pixels of the photo.
        boxes: of people, in pixels of the photo.
        run: description of the run.
    """
    classes = classes_of(examples)
    if examples.empty:
        return sentence("There are no saliency maps: no model is a fine-tuned transformer.")
    examples, left_out = examples.drop(examples.index[ROWS - 1 : -1]), len(examples) - ROWS
    photos = [_photo(paths[image]) for image in examples["image_id"]]
    columns = 1 + min(len(classes), MAPS)
    side = WIDTH / columns  # inches
    letters = int(side * 12)
    heads = [
        _heads(row, names[row["image_id"]], classes, letters) for row in examples.to_dict("records")
    ]
    above = LINE * (0.7 + max(head.count("\n") + 1 for line in heads for head in line.values()))
    tall = [min(photo.height / photo.width, TALLEST) * side + above for photo in photos]
    figure = Figure(figsize=(WIDTH, sum(tall) + 0.45))
    title = f"{run}; {left_out} more classes are not shown" if left_out > 0 else run
    figure.suptitle(title, fontsize=11, x=0.005, ha="left")
    panels = figure.subplots(len(photos), columns, squeeze=False, height_ratios=tall)
    for line, image, titles, photo in zip(panels, examples["image_id"], heads, photos, strict=True):
        for axes in line:
            axes.set_axis_off()
            axes.imshow(photo)
        _people(line[0], boxes[image])
        left, top, width, height = regions[image]
        for axes, (label, head) in zip(line, titles.items(), strict=True):
            axes.set_title(head, fontsize=SMALL, loc="left")
            if label is None:
                continue
            grid = grids[image][classes.index(label)]
            axes.imshow(
                coloured(grid),
                extent=(left, left + width, top + height, top),
                interpolation="bilinear",
            )
            axes.set(xlim=(0, photo.width), ylim=(photo.height, 0))
    return figure


def _heads(row: Mapping, name: str, classes: Sequence[str], letters: int) -> dict[str | None, str]:
    """Titles of a photo (None) and of each of its maps, by class."""
    hard = "hard: " if row["why"] == "hard" else ""
    lines = f"{hard}{row['label']}", f"predicted: {row['predicted']}"
    about = [*(broken(line, letters) for line in lines), shortened(name, letters)]
    heads: dict[str | None, str] = {None: "\n".join(about)}
    shown = classes
    if len(classes) > MAPS:
        others = [label for label in classes if label != row["label"]]
        others.sort(key=lambda label: -row[prob_column(label)])
        shown = [row["label"], *others[: MAPS - 1]]
    for label in shown:
        heads[label] = f"{broken(label, letters)}\n{100 * row[prob_column(label)]:.0f} %"
    return heads


def _photo(path: Path) -> Image.Image:
    with stored(path) as image:
        return upright(image)


def _people(axes, boxes: Sequence[Box]) -> None:
    for box in boxes:
        corner, sides = (box.left, box.top), (box.width, box.height)
        for colour, thickness in (("white", 2.6), (COLOURS[0], 1.3)):
            axes.add_patch(Rectangle(corner, *sides, fill=False, ec=colour, lw=thickness))
