"""The input photos of `predict`: the files of a folder, or the URLs of a CSV.

It uses only the standard library, because the workflow imports it before any job runs.
"""

import csv
import hashlib
import os
from pathlib import Path

from stillact.core import user_csv
from stillact.core.errors import InputError, did_you_mean
from stillact.data import photo_files


def urls(path: Path) -> list[str]:
    """The column `url` of a CSV with a header, as `user_csv.rows` reads it; also under another name
    (`user_csv.named`).

    Raises:
        InputError: it cannot be read, has no such column, or a row without a URL; names the row.
    """
    try:
        rows = user_csv.rows(path)
    except FileNotFoundError:
        raise InputError(f"photos: there is no folder or file {path}; check the path") from None
    except OSError as error:
        raise InputError(f"photos: {path} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"photos: {path} is no CSV in UTF-8 or UTF-16: {error}") from None
    header = user_csv.named(rows[0]) if rows else []
    if "url" not in header:
        raise InputError(
            f"photos: {path} has no column url; its first row is {', '.join(header) or 'empty'}."
            f"{did_you_mean('url', header)} Set a CSV with a header, or a folder of photos"
        )
    place = header.index("url")
    body = {number: row for number, row in enumerate(rows[1:], start=2) if any(row)}
    for number, row in body.items():
        if not "".join(row[place : place + 1]):
            raise InputError(f"photos: {path}, row {number}: no url; add it, or remove the row")
    if not body:
        raise InputError(f"photos: {path} has no rows; add one per photo")
    return [row[place] for row in body.values()]


def fingerprint(folder: Path) -> str:
    """A digest that changes when a photo below the folder is added, removed or modified, as
    hexadecimal digits.

    Raises:
        InputError: as `photo_files.files`.
    """
    digest = hashlib.sha256()
    for name in photo_files.files(folder):
        try:
            known = os.stat(folder / name)
            metadata = f"{known.st_size} {known.st_mtime_ns}"
        except OSError:
            metadata = "gone"
        digest.update(os.fsencode(f"{name}\0{metadata}\0"))
    return digest.hexdigest()
