"""Cells of a manifest, from annotation files: paths of photos, and person boxes."""

from collections.abc import Iterable, Sequence
from pathlib import Path


def beside(file: Path, photo: str) -> str | None:
    """The path of a photo, relative to the folder of the annotation file: there, in `images` there,
    or in `images` beside that folder; None if it is in none of them."""
    places = (photo, f"images/{photo}", f"../images/{photo}")
    return next((place for place in places if (file.parent / place).is_file()), None)


def boxes(sizes: Iterable[Sequence[float]]) -> str:
    """The cell `person_boxes`, of left, top, width and height in pixels of each box."""
    return ";".join(" ".join(f"{side:g}" for side in box) for box in sizes)
