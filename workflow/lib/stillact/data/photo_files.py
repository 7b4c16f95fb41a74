"""Photos in a folder.

It uses only the standard library, because the workflow imports it before any job runs.
"""

import os
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import TypeVar

from stillact.core.errors import InputError

# Suffixes of the supported formats (`decode.FORMATS`), and of some unsupported ones, which are
# reported instead of ignored.
READ = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
READ += (".heic", ".heif", ".avif", ".jp2")
SUFFIXES = (*READ, ".jxl", ".svg", ".dng")

AnyPath = TypeVar("AnyPath", bound=PurePath)


def files(folder: Path) -> list[str]:
    """The photos below a folder by their suffix, as paths relative to it, sorted.

    Hidden files and folders (names that start with a dot) are skipped, and links to folders are
    not followed.

    Raises:
        InputError: the folder, or one below it, cannot be read; there is no photo.
    """
    found = []
    for here, folders, names in os.walk(folder, onerror=_unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")]
        photos = [
            name for name in names if name.lower().endswith(SUFFIXES) and not name.startswith(".")
        ]
        found += [os.path.relpath(os.path.join(here, name), folder) for name in photos]
    if not found:
        raise InputError(
            f"{folder}: no photo in this folder. Searched it and its subfolders for files with the "
            f"suffixes {', '.join(READ)}; hidden ones are skipped"
        )
    return sorted(found)


def free(place: AnyPath, taken: Callable[[AnyPath], bool]) -> AnyPath:
    """The path, with a number where it is taken."""
    found, number = place, 1
    while taken(found):
        number += 1
        found = place.with_stem(f"{place.stem} ({number})")
    return found


def _unreadable(error: OSError) -> None:
    raise InputError(f"{error.filename} cannot be read: {error.strerror}")
