"""Boxes in photos, and their coordinates after `preprocess.square`."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from stillact.data.preprocessing import Preprocessing


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


@dataclass(frozen=True)
class View:
    """The mapping from an upright photo to its packed square.

    A point (x, y) of the photo, in pixels from its top left corner, maps to scale * (x, y) +
    corner in pixels of the square.

    size: side of the square, pixels.
    photo: width and height of the photo, pixels.
    scale: packed pixels per pixel of the photo, along x and y.
    corner: position of the photo's top left corner, x and y in packed pixels: negative where the
        photo is cropped, positive where it is padded.
    """

    size: int
    photo: tuple[int, int]
    scale: tuple[float, float]
    corner: tuple[int, int]

    @classmethod
    def of(cls, preprocessing: Preprocessing, width: int, height: int) -> "View":
        """The view of an upright photo of `width` by `height` pixels under a preprocessing."""
        size, side = preprocessing.size, preprocessing.side
        scaled = preprocessing.scaled(width, height)
        canvas = scaled if preprocessing.geometry == "resize_crop" else (side, side)
        corner = [
            round((whole - photo) / 2) - round((whole - size) / 2)  # padded, then cropped
            for whole, photo in zip(canvas, scaled, strict=True)
        ]
        scale = scaled[0] / width, scaled[1] / height
        return cls(size, (width, height), scale, tuple(corner))

    def boxes(self, boxes: Iterable[Box]) -> list[Box]:
        """Map boxes from pixels of the photo to packed pixels, clipped to the visible part; boxes
        outside it are dropped."""
        (across, down), (x, y) = self.scale, self.corner
        packed = [
            Box(
                box.left * across + x,
                box.top * down + y,
                box.right * across + x,
                box.bottom * down + y,
            )
            for box in clipped(boxes, *self.photo)
        ]
        return clipped(packed, self.size, self.size)

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
        (seen,) = self.boxes([Box(0, 0, *self.photo)])
        (across, down), (x, y) = self.scale, self.corner
        return (
            (seen.left - x) / across,
            (seen.top - y) / down,
            seen.width / across,
            seen.height / down,
        )


def _nearest(edge: float) -> int:
    """The first pixel whose centre lies at or beyond an edge."""
    return math.ceil(edge - 0.5)
