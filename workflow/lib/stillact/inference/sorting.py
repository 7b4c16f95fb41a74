"""Copies of the input photos of `predict` in one folder per predicted class."""

import shutil
import urllib.parse
from pathlib import Path, PurePosixPath

import pandas as pd

from stillact.core.errors import InputError
from stillact.core.logs import logger
from stillact.core.tables import read_csv, write_csv
from stillact.data import photo_files

LIST = "sorted.csv"  # in the folder: the copies in it, which the next sorting may replace
UNSURE, UNREADABLE = "_abstained", "_unreadable"


def check(target: Path, photos: Path) -> None:
    """Check that photos can be sorted into a folder.

    Args:
        target: the folder; it need not exist.
        photos: input of `predict`.

    Raises:
        InputError: it is a file, has files of others, or is within the folder of the photos.
    """
    if target.resolve().is_relative_to(photos.resolve()):
        raise InputError(
            f"sort_into: {target} is within the photos' folder {photos}, so the copies would be "
            "predicted, too; name a folder beside it"
        )
    if target.exists() and not target.is_dir():
        raise InputError(f"sort_into: {target} is a file; name a folder")
    if target.is_dir() and any(target.iterdir()) and not (target / LIST).exists():
        raise InputError(
            f"sort_into: {target} has files that are not of an earlier sorting; name a new folder"
        )


def sort(predictions: pd.DataFrame, photos: pd.DataFrame, target: Path) -> None:
    """Copy each photo to target/CLASS/, to target/_abstained/CLASS/ where the model abstains, or to
    target/_unreadable/. The copies of an earlier sorting are replaced; other files stay. sorted.csv
    in the folder has the path or url of each photo, and its copy, '' where there is no file.

    Args:
        predictions: table of `predict.write`.
        photos: from `in_folder` or `of_urls`, with the same rows.
        target: folder, made if it does not exist; see `check`.

    Raises:
        InputError: the folder cannot be written.
    """
    taken: set[str] = set()
    copies = [
        _free(_place(row), taken) if file else ""
        for row, file in zip(predictions.to_dict("records"), photos["file"], strict=True)
    ]
    made = pd.DataFrame({photos.columns[0]: photos.iloc[:, 0], "copy": copies})
    try:
        target.mkdir(parents=True, exist_ok=True)
        if (target / LIST).exists():
            for copy in filter(None, read_csv(target / LIST)["copy"]):
                (target / copy).unlink(missing_ok=True)
                _remove_empty((target / copy).parent, target)
        write_csv(made, target / LIST)  # before the copies, so that it lists them if interrupted
        for file, copy in zip(photos["file"], copies, strict=True):
            if copy:
                (target / copy).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file, target / copy)
    except OSError as error:
        raise InputError(f"sort_into: {target} cannot be written: {error.strerror}") from None
    logger.info("%d photos copied into %s, one folder per class", len(taken), target)


def _place(row: dict) -> PurePosixPath:
    """Where a photo belongs: its class, and its path in its folder, or the last part of its URL."""
    name = PurePosixPath(row["path"]) if "path" in row else _last(row["url"])
    if row["status"] != "ok":
        return PurePosixPath(UNREADABLE, name)
    folders = [UNSURE] if row["abstain"] == "yes" else []
    return PurePosixPath(*folders, row["predicted"], name)


def _last(url: str) -> PurePosixPath:
    last = PurePosixPath(urllib.parse.unquote(urllib.parse.urlsplit(url).path)).name
    return PurePosixPath(last.replace("\0", "") or "photo")


def _free(place: PurePosixPath, taken: set[str]) -> str:
    """The place, with a number where another photo has it."""
    found = str(photo_files.free(place, lambda one: str(one) in taken))
    taken.add(found)
    return found


def _remove_empty(folder: Path, end: Path) -> None:
    while folder != end and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
