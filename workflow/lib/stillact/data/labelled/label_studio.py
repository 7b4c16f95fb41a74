"""Paths of photos in exports of Label Studio."""

import re
from pathlib import Path
from urllib.parse import unquote

from stillact.core import user_csv

_LOCAL = "/data/local-files/?d="  # and a path in its local storage
_UPLOADED = re.compile(r"/data/upload/\d+/(?:[0-9a-f]{8}-)?(?P<name>[^/]+)")


def local_path(url: str, folder: Path) -> str:
    """The path, relative to the folder of the export, of a photo that Label Studio serves; other
    addresses are unchanged.

    An uploaded photo is searched in the folder, and in `images` in it, under the name that it was
    uploaded with, and under that of Label Studio, which begins with eight hexadecimal digits.
    """
    if url.startswith(_LOCAL):
        return unquote(url.removeprefix(_LOCAL))
    if uploaded := _UPLOADED.fullmatch(url):
        names = (uploaded["name"], url.rpartition("/")[2])
        places = [f"{below}{name}" for name in names for below in ("", "images/")]
        return next((place for place in places if (folder / place).is_file()), names[0])
    return url


def with_local_paths(rows: list[list[str]], folder: Path) -> list[list[str]]:
    """The rows of a CSV, whose column of photos has `local_path` in place of addresses."""
    if not rows or "url" not in (names := user_csv.named(rows[0])):
        return rows
    column = names.index("url")
    for row in rows[1:]:
        if len(row) > column:
            row[column] = local_path(row[column], folder)
    return rows
