"""Factors of difficulty of a photo: people, position, resolution, brightness, and their bins.

Sizes, numbers and positions of people correlate with each other and with the classes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from stillact.data.boxes import Box, clipped
from stillact.data.manifest import parse_boxes
from stillact.data.pixels import stored
from stillact.data.preprocess import square
from stillact.data.preprocessing import Preprocessing


@dataclass(frozen=True)
class Factor:
    """A factor that may affect the difficulty of a photo.

    title: with its unit. first, last: description of the photos of the first and the last bin,
    after "photos".
    """

    title: str
    first: str
    last: str


FACTORS = {
    "person_size": Factor(
        "size of the person (share of the photo)", "with the smallest people", "with the largest"
    ),
    "people": Factor("number of people", "with the fewest people", "with the most"),
    "position": Factor(
        "distance from the middle (0) to a corner (1)",
        "with the person nearest to the middle",
        "with the person farthest from it",
    ),
    "resolution": Factor("resolution (megapixels)", "with the fewest pixels", "with the most"),
    "brightness": Factor("brightness (0 black, 1 white)", "that are darkest", "that are brightest"),
    "overlap": Factor(
        "share of the person under others' boxes",
        "where others' boxes cover the person least",
        "where they cover it most",
    ),
    "cut_off": Factor(
        "person cut off by the edge", "with the whole person", "with a person cut off by the edge"
    ),
    "votes": Factor(
        "votes for the label", "whose label has the fewest votes", "whose label has the most"
    ),
}
# Spelled out: a column of numbers would not be read back as text.
PEOPLE = {"one": "with one person", "two or three": "with two or three"}
PEOPLE |= {"four or more": "with four or more"}
NAMES = {"people": tuple(PEOPLE), "cut_off": ("no", "yes")}  # of bins that are not equal-mass
UNKNOWN = "unknown"  # the bin of photos without boxes, or votes
BINS = 3  # of equal mass, for continuous factors
EDGE = 0.01  # of a side: a box within this distance of the edge counts as cut off
LUMA_SIDE = 64  # pixels: size to which a photo is reduced to average its brightness


def mean_luma(path: Path) -> float:
    """Brightness of a photo: its mean luma (ITU-R 601), 0 black to 1 white."""
    with stored(path) as image:
        image.draft("RGB", (2 * LUMA_SIDE, 2 * LUMA_SIDE))  # decodes large JPEGs at reduced scale
        small = square(image, Preprocessing(LUMA_SIDE, "squash")).convert("L")
    return float(np.mean(small)) / 255


def factors(
    manifest: pd.DataFrame,
    people: pd.DataFrame,
    images: pd.DataFrame,
    brightness: Mapping[str, float],
) -> pd.DataFrame:
    """The factors of each photo.

    The person is the one with the largest box; boxes are clipped to the photo.

    Args:
        manifest: of rule manifest: id, votes (NaN where not given).
        people: of rule people: id, person_boxes.
        images: images.csv: id, status, width and height in pixels of the upright photo.
        brightness: of `mean_luma`, by id.

    Returns:
        One row per available photo, in the order of `images`: image_id; person_size, the share
        of the photo's area, (0, 1]; people, the number of boxes; position, the distance of the
        person's centre from the photo's over half the diagonal, [0, 1]; resolution, megapixels;
        brightness, [0, 1]; overlap, the share of the person's box under other boxes, [0, 1], a
        proxy for occlusion: boxes do not tell who is in front, nor which objects hide a person;
        cut_off, yes or no, whether the box comes within 1 % of a side of the photo's edge; votes
        for the label, NaN where none are given. Factors that depend on boxes are NaN without a box
        on the photo.
    """
    had = images.loc[images["status"] == "ok", ["id", "width", "height"]]
    boxes = people.set_index("id")["person_boxes"]
    votes = manifest.set_index("id")["votes"]
    rows = []
    for photo in had.itertuples():
        of_boxes = _of_boxes(boxes[photo.id], photo.width, photo.height)
        resolution = photo.width * photo.height / 1e6
        known = {"resolution": resolution, "brightness": brightness[photo.id]}
        rows.append({"image_id": photo.id, **known, **of_boxes, "votes": votes[photo.id]})
    return pd.DataFrame(rows, columns=["image_id", *FACTORS])


def _of_boxes(text: str, width: int, height: int) -> dict:
    """The factors that depend on boxes; none without a box on the photo."""
    boxes = clipped(parse_boxes(text), width, height)
    boxes.sort(key=lambda box: box.area, reverse=True)
    if not boxes:
        return {}
    left, top, right, bottom = person = boxes[0]
    off_centre = math.hypot((left + right - width) / 2, (top + bottom - height) / 2)
    across, down = EDGE * width, EDGE * height
    cut = left <= across or top <= down or right >= width - across or bottom >= height - down
    return {
        "person_size": person.area / (width * height),
        "people": len(boxes),
        "position": off_centre / (math.hypot(width, height) / 2),
        "overlap": _covered(person, boxes[1:]),
        "cut_off": "yes" if cut else "no",
    }


def _covered(box: Box, others: Sequence[Box]) -> float:
    """The share of a box that lies under any of the others, [0, 1].

    The sides of all boxes divide it into cells, each covered by a box entirely or not at all.
    """
    sides = np.array([box, *others])
    x = np.unique(np.clip(sides[:, [0, 2]], box[0], box[2]))
    y = np.unique(np.clip(sides[:, [1, 3]], box[1], box[3]))
    under = np.zeros((len(y) - 1, len(x) - 1), bool)
    for left, top, right, bottom in others:
        under |= np.outer((y[:-1] >= top) & (y[1:] <= bottom), (x[:-1] >= left) & (x[1:] <= right))
    return float((np.outer(np.diff(y), np.diff(x)) * under).sum() / box.area)


def binned(factor: str, values: pd.Series) -> pd.DataFrame:
    """For each photo the index of its bin, from 0 with unknown last, its name and limits."""
    if factor == "cut_off":
        place = values.map({"no": 0, "yes": 1}).astype(float)
        values = pd.Series(np.nan, values.index)  # no limits
    elif factor == "people":
        values = values.astype(float)
        place = pd.cut(values, [0, 1, 3, math.inf], labels=False).astype(float)
    else:
        place = equal_mass(values.astype(float))
    limits = values.astype(float).groupby(place).agg(["min", "max"])
    names = dict(enumerate(NAMES[factor])) if factor in NAMES else _spans(limits)
    frame = {
        "place": place.fillna(math.inf),
        "bin": place.map(names).astype(object).fillna(UNKNOWN),
        "low": place.map(limits["min"]),
        "high": place.map(limits["max"]),
    }
    return pd.DataFrame(frame)


def equal_mass(values: pd.Series) -> pd.Series:
    """The bin of each value, of up to `BINS` bins of equal mass, from 0; NaN for NaN.

    Equal values share the bin of their mean rank. Fewer bins are used where one would have less
    than half of its share.
    """
    known = values.dropna()
    middle = (known.rank() - 0.5) / max(len(known), 1)
    for bins in range(BINS, 0, -1):
        place = np.floor(middle * bins)
        if place.value_counts(normalize=True).min() >= 1 / (2 * bins):
            break
    return (place.rank(method="dense") - 1).reindex(values.index)


def _spans(limits: pd.DataFrame) -> dict[float, str]:
    """The name of each bin, from its smallest and largest value, with the fewest digits (two or
    more) that make the names unique."""
    names: list[str] = []
    for digits in range(2, 18):
        ends = [[_rounded(end, digits) for end in bounds] for bounds in limits.to_numpy()]
        names = [low if low == high else f"{low} to {high}" for low, high in ends]
        if len({*names}) == len(names):
            break
    return dict(zip(limits.index, names, strict=True))


def _rounded(value: float, digits: int) -> str:
    return np.format_float_positional(float(f"{value:.{digits}g}"), trim="-")
