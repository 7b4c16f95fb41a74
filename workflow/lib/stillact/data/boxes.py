"""Where the places of a photo lie once `images.square` has packed it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

Box = tuple[float, float, float, float]  # x, y of the top left corner, width, height


@dataclass(frozen=True)
class View:
    """How an upright photo lies in its packed square.

    A point (x, y) of the photo, in its pixels from its top left corner, lies at scale * (x, y) +
    corner in those of the square.

    size: side of the square, pixels.
    photo: width and height of the photo, pixels.
    scale: packed pixels a pixel of the photo, along x and y.
    corner: where the photo's top left corner lies, x and y in packed pixels: below 0 where the
        photo is cropped, above 0 where it is padded.
    """

    size: int
    photo: tuple[int, int]
    scale: tuple[float, float]
    corner: tuple[int, int]

    @classmethod
    def of(cls, width: int, height: int, size: int, geometry: str, crop: float = 1.0) -> "View":
        """The view of a photo.

        Args:
            width, height: of the upright photo, pixels.
            size, geometry, crop: as `images.square` was told them.
        """
        side = math.floor(size / crop)
        scaled = _scaled(width, height, side, geometry)
        canvas = scaled if geometry == "resize_crop" else (side, side)
        corner = [
            round((whole - photo) / 2) - round((whole - size) / 2)  # padded, then cropped
            for whole, photo in zip(canvas, scaled, strict=True)
        ]
        scale = scaled[0] / width, scaled[1] / height
        return cls(size, (width, height), scale, tuple(corner))

    def boxes(self, boxes: Iterable[Box]) -> list[Box]:
        """Boxes in pixels of the photo as boxes in packed pixels, clipped to what is seen; those of
        which nothing is seen are left out."""
        made = []
        for x, y, width, height in boxes:
            left, right = (self._seen(value, 0) for value in (x, x + width))
            top, bottom = (self._seen(value, 1) for value in (y, y + height))
            if left < right and top < bottom:
                made.append((left, top, right - left, bottom - top))
        return made

    def mask(self, boxes: Iterable[Box]) -> np.ndarray:
        """The packed pixels that lie in any of the boxes (in pixels of the photo), bool (size,
        size). A pixel belongs to a box when its centre does."""
        mask = np.zeros((self.size, self.size), bool)
        for x, y, width, height in self.boxes(boxes):
            rows = slice(_nearest(y), _nearest(y + height))
            mask[rows, _nearest(x) : _nearest(x + width)] = True
        return mask

    @property
    def region(self) -> Box:
        """What is seen of the photo, as a box in its pixels."""
        box = (0, 0, *self.photo)
        ((x, y, width, height),) = self.boxes([box])
        (across, down), (left, top) = self.scale, self.corner
        return (x - left) / across, (y - top) / down, width / across, height / down

    def _seen(self, value: float, axis: int) -> float:
        """A coordinate of the photo in packed pixels, moved to the edge of the seen photo where it
        lies beyond it."""
        inside = min(max(value, 0), self.photo[axis])
        return min(max(inside * self.scale[axis] + self.corner[axis], 0), self.size)


def _scaled(width: int, height: int, side: int, geometry: str) -> tuple[int, int]:
    """Width and height of the resized photo, with the rounding of `images.square`."""
    if geometry == "squash":
        return side, side
    if geometry == "resize_crop":
        short = min(width, height)
        return side * width // short, side * height // short
    scale = side / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _nearest(edge: float) -> int:
    """The first pixel whose centre lies at or behind an edge."""
    return math.ceil(edge - 0.5)
