"""Photos with their people covered, or as much of their background, and what runs say of them."""

import hashlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torchvision.transforms.functional import gaussian_blur

from stillact.core.runs import Run
from stillact.data.boxes import Box, View
from stillact.data.manifest import parse_boxes
from stillact.data.preprocessing import Preprocessing
from stillact.perturb.occlusion_summary import FILLS, NONE

DRAWS = 3  # backgrounds covered a photo
SIGMA = 0.1  # of the blur, over the side of the photo


@dataclass(frozen=True)
class Regions:
    """What is covered of a packed photo.

    person: the pixels in any person box, bool (size, size).
    share: of the pixels of the photo that are seen, those in a person box; 0 to 1.
    backgrounds: `DRAWS` masks of as many pixels; none where no box is seen, or where people cover
        more than half, so that there is not as much background.
    """

    person: np.ndarray
    share: float
    backgrounds: list[np.ndarray]


@dataclass(frozen=True)
class Version:
    """Photos with something covered.

    covered: one of `covered.COVERED`.
    fill: one of `covered.FILLS`, or `NONE`.
    draw: which of the backgrounds, from 0; 0 where another thing is covered.
    rows: places of the photos in their table.
    pixels: uint8, shape (rows, 3, size, size), RGB.
    """

    covered: str
    fill: str
    draw: int
    rows: np.ndarray
    pixels: torch.Tensor


def regions(view: View, boxes: list[Box], image_id: str) -> Regions:
    """What is covered of a photo; the same for the same `image_id`, boxes and view.

    Args:
        view: how the photo is packed.
        boxes: of its people, in pixels of the photo.
        image_id: seeds the places of the backgrounds.
    """
    person, seen = view.mask(boxes), view.mask([Box(0, 0, *view.photo)])
    share = person.sum() / seen.sum()
    if not 0 < share <= 0.5:
        return Regions(person, share, [])
    sizes = [(max(round(box.width), 1), max(round(box.height), 1)) for box in view.boxes(boxes)]
    draws = [
        _background(person, seen, sizes, _generator(f"{image_id}/{draw}")) for draw in range(DRAWS)
    ]
    return Regions(person, share, draws)


def regions_of(photos: pd.DataFrame, preprocessing: Preprocessing) -> list[Regions]:
    """The regions of each photo.

    Args:
        photos: image_id, width and height (px), person_boxes as in the manifest.
        preprocessing: of the packed photos.
    """
    return [
        regions(
            View.of(preprocessing, row.width, row.height),
            parse_boxes(row.person_boxes),
            row.image_id,
        )
        for row in photos.itertuples()
    ]


def _background(
    person: np.ndarray, seen: np.ndarray, sizes: list[tuple[int, int]], rng: np.random.Generator
) -> np.ndarray:
    """As many pixels as `person` has, of those seen and not in it: rectangles of the boxes' sizes
    about random places that are still free, the person cut out, the last rectangle trimmed."""
    free, mask = seen & ~person, np.zeros_like(person)
    missing = person.sum()
    for width, height in itertools.cycle(sizes):
        y, x = rng.choice(np.argwhere(free))
        new = np.zeros_like(person)
        top, left = y - height // 2, x - width // 2
        new[max(top, 0) : top + height, max(left, 0) : left + width] = True
        new &= free
        new.flat[np.flatnonzero(new)[missing:]] = False
        mask, free = mask | new, free & ~new
        missing -= new.sum()
        if not missing:
            return mask


def _generator(text: str) -> np.random.Generator:
    return np.random.default_rng(list(hashlib.sha256(text.encode()).digest()))


def cover(photos: torch.Tensor, masks: np.ndarray, fill: str) -> torch.Tensor:
    """Photos with some of their pixels replaced.

    Args:
        photos: uint8, shape (photos, 3, size, size).
        masks: the pixels to replace, bool (photos, size, size).
        fill: "mean", by the photo's mean colour; "blur", by the photo blurred so far that shapes
            go: by a Gaussian with a standard deviation of `SIGMA` times the side.
    """
    if fill == "mean":
        other = photos.float().mean((2, 3), keepdim=True)
    else:
        sigma = SIGMA * photos.shape[-1]
        across = 2 * round(3 * sigma) + 1
        other = gaussian_blur(photos.float(), [across, 1], [sigma, sigma])  # a side at a time: the
        other = gaussian_blur(other, [1, across], [sigma, sigma])  # same, and much faster
    return torch.where(torch.from_numpy(masks)[:, None], other.round().to(torch.uint8), photos)


def versions(pixels: torch.Tensor, regions: list[Regions]) -> list[Version]:
    """All photos with nothing covered; and for each fill those that have backgrounds, with the
    people covered and with each of the backgrounds.

    Args:
        pixels: of the photos, uint8 (photos, 3, size, size), on the CPU.
        regions: of each.
    """
    made = [Version("nothing", NONE, 0, np.arange(len(pixels)), pixels)]
    rows = np.array([row for row, of in enumerate(regions) if of.backgrounds], dtype=int)
    if not len(rows):
        return made
    masks = [("person", 0, np.stack([regions[row].person for row in rows]))]
    for draw in range(DRAWS):
        background = np.stack([regions[row].backgrounds[draw] for row in rows])
        masks.append(("background", draw, background))
    return made + [
        Version(covered, fill, draw, rows, cover(pixels[rows], mask, fill))
        for fill in FILLS
        for covered, draw, mask in masks
    ]


def ask(
    probabilities: Callable[[torch.Tensor], np.ndarray],
    versions: list[Version],
    photos: pd.DataFrame,
    run: Run,
    classes: list[str],
) -> pd.DataFrame:
    """What a run says of every version of the photos.

    Args:
        probabilities: of a `trained.Trained`.
        versions: of the photos.
        photos: subset, image_id, label, person_share (`Regions.share`) of each.
        run: whose answers they are.
        classes: labels in the order of the probabilities.

    Returns:
        task, model, split, seed, subset, image_id, label, person_share, covered, fill, draw and
        prob_<class>..., a row a photo and version.
    """
    tables = []
    for version in versions:
        told = photos[["subset", "image_id", "label", "person_share"]].iloc[version.rows]
        told = told.assign(covered=version.covered, fill=version.fill, draw=version.draw)
        told[[f"prob_{name}" for name in classes]] = probabilities(version.pixels).round(8)
        tables.append(told)
    asked = pd.concat(tables, ignore_index=True)
    for place, (name, value) in enumerate(vars(run).items()):
        asked.insert(place, name, value)
    return asked
