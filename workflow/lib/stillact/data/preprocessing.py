"""How a photo becomes the square that a model sees."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Preprocessing:
    """What `preprocess.square` does to a photo.

    size: side of the square, pixels.
    geometry: "resize_crop", "squash" or "letterbox".
    interpolation: "bicubic" or "bilinear".
    crop: timm's crop_pct; below 1 the photo is scaled to floor(size / crop) in place of `size`, and
        the centre of that is taken.
    """

    size: int
    geometry: str
    interpolation: str = "bicubic"
    crop: float = 1.0

    @property
    def side(self) -> int:
        """What a photo is scaled to before its centre is taken, pixels."""
        return math.floor(self.size / self.crop)

    def scaled(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of the scaled photo, before it is cropped or padded, pixels.

        Args:
            width, height: of the upright photo, pixels.
        """
        side = self.side
        if self.geometry == "squash":
            return side, side
        if self.geometry == "resize_crop":
            short = min(width, height)
            return side * width // short, side * height // short
        scale = side / max(width, height)
        return max(1, round(width * scale)), max(1, round(height * scale))
