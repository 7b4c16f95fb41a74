"""Occlusion: photos with people or an equal area of background covered."""

import hashlib
import itertools
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from stillact.core.imports import without_compiler
from stillact.data.boxes import Box, View
from stillact.data.manifest import parse_boxes
from stillact.data.preprocessing import Preprocessing
from stillact.perturb.ask import Version
from stillact.perturb.occlusion_summary import FILLS, NONE

DRAWS = 3  # background masks per photo
# of a photo, in the table of predictions
COLUMNS = ["subset", "image_id", "group", "label", "person_share"]
SIGMA = 0.1  # of the blur, as a share of the side of the photo


@dataclass(frozen=True)
class Regions:
    """Masks of a packed photo.

    person: the pixels in any person box, bool (size, size).
    share: share of the visible pixels of the photo that lie in a person box; 0 to 1.
    backgrounds: `DRAWS` masks with the same number of pixels; none where no box is visible, or
        where people cover more than half, so that the background is too small.
    """

    person: np.ndarray
    share: float
    backgrounds: list[np.ndarray]


def regions(view: View, boxes: list[Box], image_id: str) -> Regions:
    """The masks of a photo; a deterministic function of `image_id`, boxes and view.

    Args:
        view: geometry of the packed photo.
        boxes: of its people, in pixels of the photo.
        image_id: seeds the positions of the background masks.
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
    """The masks of each photo.

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
    """A mask with as many pixels as `person`, of visible ones outside it: rectangles of the boxes'
    sizes at random positions that are still free, without the person, the last one trimmed."""
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
            break
    return mask


def _generator(text: str) -> np.random.Generator:
    return np.random.default_rng(list(hashlib.sha256(text.encode()).digest()))


def cover(photos: torch.Tensor, masks: np.ndarray, fill: str) -> torch.Tensor:
    """Photos with some of their pixels replaced.

    Args:
        photos: uint8, shape (photos, 3, size, size).
        masks: the pixels to replace, bool (photos, size, size).
        fill: "mean", the photo's mean colour; "blur", the photo blurred until shapes disappear:
            by a Gaussian with a standard deviation of `SIGMA` times the side.
    """
    if fill == "mean":
        other = photos.float().mean((2, 3), keepdim=True)
    else:
        with without_compiler():
            from torchvision.transforms.functional import gaussian_blur

        sigma = SIGMA * photos.shape[-1]
        across = 2 * round(3 * sigma) + 1
        other = gaussian_blur(photos.float(), [across, 1], [sigma, sigma])  # separable: one axis
        other = gaussian_blur(other, [1, across], [sigma, sigma])  # at a time is much faster
    return torch.where(torch.from_numpy(masks)[:, None], other.round().to(torch.uint8), photos)


def versions(pixels: torch.Tensor, regions: list[Regions]) -> list[Version]:
    """All photos uncovered; and for each fill the photos that have background masks, with the
    people covered and with each of the backgrounds covered.

    Args:
        pixels: of the photos, uint8 (photos, 3, size, size), on the CPU.
        regions: of each photo.
    """
    made = [Version(_named("nothing", NONE, 0), np.arange(len(pixels)), pixels)]
    rows = np.array([row for row, region in enumerate(regions) if region.backgrounds], dtype=int)
    if not len(rows):
        return made
    masks = [("person", 0, np.stack([regions[row].person for row in rows]))]
    for draw in range(DRAWS):
        background = np.stack([regions[row].backgrounds[draw] for row in rows])
        masks.append(("background", draw, background))
    return made + [
        Version(_named(covered, fill, draw), rows, cover(pixels[rows], mask, fill))
        for fill in FILLS
        for covered, draw, mask in masks
    ]


def _named(covered: str, fill: str, draw: int) -> dict[str, str | int]:
    """The change: covered, one of `occlusion_summary.COVERED`; fill, one of
    `occlusion_summary.FILLS`, or `NONE`; draw, index of the background mask, from 0, and 0 for all
    other regions."""
    return {"covered": covered, "fill": fill, "draw": draw}
