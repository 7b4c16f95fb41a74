"""Preprocessing settings: from a photo to the square input of a model."""

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Preprocessing:
    """Settings of `preprocess.square`.

    size: side of the square, pixels.
    geometry: "resize_crop" scales the shorter side to `size` and crops the centre, with the
        rounding of torchvision's Resize and CenterCrop; "squash" scales both sides to `size`,
        whatever the aspect ratio; "letterbox" scales the longer side to `size` and pads with grey,
        so that the whole photo is visible and undistorted.
    interpolation: "bicubic" or "bilinear".
    crop: timm's crop_pct; below 1 the photo is scaled to floor(size / crop) instead of `size`, and
        its centre is cropped.
    region: "photo", all of it; "person", its `preprocess.person_region`, letterboxed; or "around",
        its `preprocess.square_around`. A photo without a person is used as a whole: as the other
        settings say, for "around" letterboxed.
    """

    size: int
    geometry: str
    interpolation: str = "bicubic"
    crop: float = 1.0
    region: str = "photo"

    @property
    def side(self) -> int:
        """The size that a photo is scaled to before the centre crop, pixels."""
        return math.floor(self.size / self.crop)

    def scaled(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of the scaled photo, before cropping or padding, pixels.

        Args:
            width, height: size of the upright photo, pixels.
        """
        side = self.side
        if self.geometry == "squash":
            return side, side
        if self.geometry == "resize_crop":
            short = min(width, height)
            return side * width // short, side * height // short
        scale = side / max(width, height)
        return max(1, round(width * scale)), max(1, round(height * scale))

    def letterboxed(self) -> "Preprocessing":
        """The same, but that nothing is cropped."""
        return replace(self, geometry="letterbox", crop=1.0)

    def view(self, name: str) -> "Preprocessing":
        """The preprocessing of a view of the photo: "whole", this one; "letterbox"; "person" or
        "around", as `region`."""
        if name == "letterbox":
            return self.letterboxed()
        return self if name == "whole" else replace(self, region=name)
