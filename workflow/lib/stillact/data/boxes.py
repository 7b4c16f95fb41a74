"""Boxes in photos, and their coordinates after `preprocess.square`."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from stillact.data.preprocessing import Preprocessing

MARGIN = 0.15  # around a person, on either side, relative to the side of their box


class Box(NamedTuple):
    """A rectangle in a photo: its edges in pixels from the photo's top left corner."""

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def of_size(cls, left: float, top: float, width: float, height: float) -> "Box":
        """The box with this top left corner and this size."""
        return cls(left, top, left + width, top + height)

    @property
    def width(self) -> float:
        """Pixels."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Pixels."""
        return self.bottom - self.top

    @property
    def area(self) -> float:
        """Square pixels."""
        return self.width * self.height


def clipped(boxes: Iterable[Box], width: float, height: float) -> list[Box]:
    """The boxes clipped to a photo of this size, pixels; boxes outside it are dropped."""
    cut = [
        Box(max(left, 0), max(top, 0), min(right, width), min(bottom, height))
        for left, top, right, bottom in boxes
    ]
    return [box for box in cut if box.left < box.right and box.top < box.bottom]


def person_region(boxes: Iterable[Box], width: int, height: int) -> Box | None:
    """The region of a photo around its person: their box with a `MARGIN`, in whole pixels, clipped
    to the photo.

    The person is the one with the largest box, after clipping to the photo.

    Args:
        boxes: of the people in the photo, pixels.
        width, height: size of the upright photo, pixels.

    Returns:
        None if no box overlaps the photo.
    """
    people = by_visible_area(boxes, width, height)
    if not people:
        return None
    (person,) = clipped(people[:1], width, height)
    across, down = MARGIN * person.width, MARGIN * person.height
    around = Box(
        math.floor(person.left - across),
        math.floor(person.top - down),
        math.ceil(person.right + across),
        math.ceil(person.bottom + down),
    )
    (region,) = clipped([around], width, height)
    return region


def by_visible_area(boxes: Iterable[Box], width: int, height: int) -> list[Box]:
    """The boxes of which some is in a photo of this size, pixels, that with the most first."""
    seen = [(sum(part.area for part in clipped([box], width, height)), box) for box in boxes]
    ordered = sorted(seen, key=lambda one: one[0], reverse=True)
    return [box for area, box in ordered if area]


def square_around(boxes: Iterable[Box], width: int, height: int) -> Box | None:
    """A square around the person of `person_region`, in whole pixels: its centre is that of their
    box, its side the longer one of the box with a `MARGIN` on both ends. It may extend beyond the
    photo, where it is black.

    Args:
        boxes, width, height: as for `person_region`.

    Returns:
        None if no box overlaps the photo.
    """
    people = by_visible_area(boxes, width, height)
    if not people:
        return None
    person = people[0]
    side = max(round((1 + 2 * MARGIN) * max(person.width, person.height)), 1)
    left = round((person.left + person.right - side) / 2)
    top = round((person.top + person.bottom - side) / 2)
    return Box(left, top, left + side, top + side)


def region_of(
    preprocessing: Preprocessing, people: Iterable[Box], width: int, height: int
) -> tuple[Box | None, Preprocessing]:
    """The region of a photo that a preprocessing uses, None for all of it; and the preprocessing of
    that region.

    Args:
        preprocessing: of the photo.
        people: boxes of the people in it, pixels.
        width, height: size of the upright photo, pixels.
    """
    if preprocessing.region == "photo":
        return None, preprocessing
    if preprocessing.region == "around":
        return square_around(people, width, height), preprocessing.letterboxed()
    region = person_region(people, width, height)
    return region, preprocessing if region is None else preprocessing.letterboxed()


@dataclass(frozen=True)
class View:
    """The mapping from an upright photo to its packed square.

    A point (x, y) of the photo, in pixels from its top left corner, maps to scale * ((x, y) -
    origin) + corner in pixels of the square.

    size: side of the square, pixels.
    photo: width and height of the photo, or of the region of it that is used, pixels.
    scale: packed pixels per pixel of the photo, along x and y.
    corner: position of the photo's top left corner, x and y in packed pixels: negative where the
        photo is cropped, positive where it is padded.
    origin: top left corner of the region, pixels of the photo.
    """

    size: int
    photo: tuple[int, int]
    scale: tuple[float, float]
    corner: tuple[int, int]
    origin: tuple[float, float] = (0, 0)

    @classmethod
    def of(
        cls, preprocessing: Preprocessing, width: int, height: int, people: Iterable[Box] = ()
    ) -> "View":
        """The view of an upright photo of `width` by `height` pixels under a preprocessing, for
        whose region the boxes of its people may be needed."""
        region, preprocessing = region_of(preprocessing, people, width, height)
        region = region or Box(0, 0, width, height)
        width, height = round(region.width), round(region.height)
        size, side = preprocessing.size, preprocessing.side
        scaled = preprocessing.scaled(width, height)
        canvas = scaled if preprocessing.geometry == "resize_crop" else (side, side)
        corner = [
            round((whole - photo) / 2) - round((whole - size) / 2)  # padded, then cropped
            for whole, photo in zip(canvas, scaled, strict=True)
        ]
        scale = scaled[0] / width, scaled[1] / height
        return cls(size, (width, height), scale, tuple(corner), (region.left, region.top))

    def boxes(self, boxes: Iterable[Box]) -> list[Box]:
        """Map boxes from pixels of the photo to packed pixels, clipped to the visible part; boxes
        outside it are dropped."""
        (across, down), (x, y), (left, top) = self.scale, self.corner, self.origin
        within = [Box(b.left - left, b.top - top, b.right - left, b.bottom - top) for b in boxes]
        packed = [
            Box(
                box.left * across + x,
                box.top * down + y,
                box.right * across + x,
                box.bottom * down + y,
            )
            for box in clipped(within, *self.photo)
        ]
        return clipped(packed, self.size, self.size)

    def in_photo(self, box: Box) -> Box:
        """Map a box from packed pixels to pixels of the photo."""
        (across, down), (x, y), (left, top) = self.scale, self.corner, self.origin
        return Box(
            (box.left - x) / across + left,
            (box.top - y) / down + top,
            (box.right - x) / across + left,
            (box.bottom - y) / down + top,
        )

    def mask(self, boxes: Iterable[Box]) -> np.ndarray:
        """Mask of the packed pixels inside any of the boxes (in pixels of the photo), bool (size,
        size). A pixel belongs to a box if its centre does."""
        mask = np.zeros((self.size, self.size), bool)
        for box in self.boxes(boxes):
            left, top, right, bottom = map(_nearest, box)
            mask[top:bottom, left:right] = True
        return mask

    @property
    def region(self) -> tuple[float, float, float, float]:
        """The visible part of the photo: left, top, width and height in its pixels."""
        (seen,) = self.boxes([Box.of_size(*self.origin, *self.photo)])
        region = self.in_photo(seen)
        return region.left, region.top, region.width, region.height


def _nearest(edge: float) -> int:
    """The first pixel whose centre lies at or beyond an edge."""
    return math.ceil(edge - 0.5)
