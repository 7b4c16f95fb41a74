"""Where photos lie that an annotation file names."""

from pathlib import Path


def beside(file: Path, photo: str) -> str | None:
    """The path of a photo, relative to the folder of the annotation file: there, in `images` there,
    or in `images` beside that folder; None if it is in none of them."""
    places = (photo, f"images/{photo}", f"../images/{photo}")
    return next((place for place in places if (file.parent / place).is_file()), None)
