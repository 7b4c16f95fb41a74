"""Labelled photos in the forms that other programs write, as the rows of a manifest.

It and its neighbours use only the standard library, because the workflow imports them before any
job runs.
"""

import csv
import os
import re
import unicodedata
from collections import Counter
from pathlib import Path

from stillact.core import user_csv
from stillact.core.errors import InputError
from stillact.data.labelled import annotations, folders, label_studio, mpii, voc_xml


def rows(source: str | Path, group_by: str | None = None) -> list[list[str]]:
    """The rows of a manifest, the header first.

    Args:
        source: a folder (`folders.rows`, or `voc_xml.rows` for the datasets it knows), a .json
            file (`annotations.rows`), MPII's .mat file (`mpii.rows`), or a CSV (`user_csv.rows`).
        group_by: "folder": of a folder, photos of one subfolder of a class are a group.

    Returns:
        Paths of photos are relative to `base`. A column may have one of the names of
        `user_csv.OFTEN`.

    Raises:
        InputError: the source cannot be read, has no photo, or a photo in it has several labels.
    """
    path = Path(source)
    try:
        if path.is_dir():
            return voc_xml.rows(path) if voc_xml.known(path) else folders.rows(path, group_by)
        if path.suffix.lower() == ".mat":
            return mpii.rows(path)
        if path.suffix.lower() == ".json":
            return annotations.rows(path)
        found = user_csv.rows(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; correct the path in the config") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not UTF-8 (at byte {error.start}); save it as CSV UTF-8"
        ) from None
    except csv.Error as error:
        rule = "save it as CSV UTF-8"
        if "field limit" in str(error):
            rule = "a cell has over 131,072 characters; give addresses or paths, no data: urls"
        raise InputError(f"{path} is not CSV: {error}; {rule}") from None
    first = next((cell for row in found for cell in row if cell), "")
    if re.match(r"<(!doctype|html|head|\?xml)", first, re.IGNORECASE):
        raise InputError(f"{path} is a web page, not CSV; download the file itself")
    return label_studio.with_local_paths(found, path.parent)


def base(source: str | Path) -> Path:
    """The folder to which relative paths of a source refer: a folder itself, or that of a file."""
    path = Path(source)
    return path if path.is_dir() else path.parent


def labels(source: str | Path) -> Counter[str]:
    """The number of photos per label, in alphabetical order.

    Raises:
        InputError: as `rows`; there is no column label.
    """
    header, *found = rows(source) or [[]]
    names = user_csv.named(header)
    if "label" not in names:
        raise InputError(
            f"{source} has no column label (its columns: {', '.join(header)}); add it, or rename "
            "one"
        )
    column = names.index("label")
    given = [unicodedata.normalize("NFC", row[column]) for row in found if len(row) > column]
    counts = Counter(filter(None, given))
    return Counter({name: counts[name] for name in sorted(counts, key=str.casefold)})


def title(source: str | Path) -> str:
    """The name of a source without its suffix, also of "."."""
    return Path(os.path.abspath(source)).stem
