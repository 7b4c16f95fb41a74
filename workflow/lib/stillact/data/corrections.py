"""Corrections of labels, from the page of photos to check, applied to the labelled photos."""

import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pandas as pd

from stillact.core import user_csv
from stillact.core.errors import InputError
from stillact.core.logs import logger
from stillact.core.tables import replacing, write_csv
from stillact.data import manifest, photo_files
from stillact.data.labelled import folders, source, voc_xml

COLUMNS = ("id", "photo", "label", "action", "new_label")
RELABEL, DROP = "relabel", "drop"
HOW = "save it again on the page results/review.html"


@dataclass(frozen=True)
class Correction:
    """One row: the photo's id, path or url, and label; and its new label, None to drop it."""

    id: str
    photo: str
    label: str
    new_label: str | None


def read(path: Path, classes: Sequence[str]) -> list[Correction]:
    """The rows of a file of corrections: `COLUMNS`.

    Raises:
        InputError: it cannot be read, lacks a column or has no row; a row with another action, or
            a label that is none of the classes. It names the row.
    """
    header, *found = source.rows(path) or [[]]
    if missing := [name for name in COLUMNS if name not in header]:
        raise InputError(f"corrections: {path} has no column {', '.join(missing)}; {HOW}")
    corrections = []
    for number, row in enumerate(found, start=2):
        if not any(row):
            continue
        cells = dict(zip(header, row, strict=False))
        action, label = cells["action"], unicodedata.normalize("NFC", cells["label"])
        new = unicodedata.normalize("NFC", cells["new_label"])
        if action not in (RELABEL, DROP):
            what = f"unknown action {action!r}: {RELABEL} or {DROP}"
            raise InputError(f"corrections: {path}, row {number}: {what}")
        if action == RELABEL and new not in classes:
            what = f"unknown label {new!r}: one of {', '.join(classes)}"
            raise InputError(f"corrections: {path}, row {number}: {what}")
        given = new if action == RELABEL else None
        corrections.append(Correction(cells["id"], cells["photo"], label, given))
    if not corrections:
        raise InputError(f"corrections: {path} has no rows, so there is nothing to correct")
    return corrections


def apply(
    corrections: Sequence[Correction],
    photos: Path,
    classes: list[str],
    writable: bool,
    beside: Path,
) -> tuple[pd.DataFrame, str]:
    """Correct labelled photos.

    * A folder of class folders: the files are moved into the folder of their new class; those to
      drop into a folder beside it, `NAME_dropped`. Nothing is overwritten.
    * A CSV: rewritten with its columns and dialect, without the rows to drop. The original is kept
      as NAME.before.csv.
    * Other forms: a CSV with the corrections is written, to use instead.

    What a previous, interrupted call has done is not done again.

    Args:
        corrections: from `read`.
        photos: as in `source.rows`.
        classes: as in `manifest.load`.
        writable: whether a CSV may be rewritten.
        beside: the CSV written of other forms.

    Returns:
        photo, label, new_label ('' if dropped), and now, the new path or ''; one row per
        correction. And a sentence on where the corrected photos are.

    Raises:
        InputError: a photo is not there, or has another label; nothing is changed then.
    """
    if photos.is_dir() and not (folders.metadata(photos) or voc_xml.known(photos)):
        return _moved(corrections, photos)
    table = manifest.numbered(photos, classes)
    known = table.reset_index(names="row").set_index("id")
    _check_known(corrections, known, photos)
    if photos.suffix.lower() == ".csv" and not photos.is_dir() and writable:
        return _rewritten(corrections, photos, known["row"])
    return _written(corrections, photos, table, beside)


def _check_known(corrections: Sequence[Correction], known: pd.DataFrame, photos: Path) -> None:
    for one in corrections:
        if one.id not in known.index:
            if one.new_label is None:
                continue  # dropped before
            raise InputError(
                f"corrections: {photos} has no photo {one.photo} (id {one.id}); if it is of "
                "another study, name that one's photos"
            )
        now = known.loc[one.id, "label"]
        if now not in (one.label, one.new_label):
            raise InputError(
                f"corrections: {one.photo} has the label {now!r} in {photos}, and {one.label!r} "
                "on the page; run the study again, and check the photos on its new page"
            )


def _moved(corrections: Sequence[Correction], photos: Path) -> tuple[pd.DataFrame, str]:
    targets, moves = {}, {}
    for one in corrections:
        path = PurePosixPath(one.photo)
        if path.is_absolute() or ".." in path.parts:
            raise InputError(f"corrections: the photo {one.photo!r} is not in {photos}; {HOW}")
        targets[one] = target = _target(one, photos)
        if (photos / one.photo).is_file():
            moves[one] = photo_files.free(target, lambda to: to.exists() or to in moves.values())
        elif not target.exists():
            raise InputError(
                f"corrections: there is no photo {photos / one.photo}; if it was moved, run the "
                "study again, and check the photos on its new page"
            )
    for one, target in moves.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        os.rename(photos / one.photo, target)
    dropped = sum(one.new_label is None for one in moves)
    logger.info("%d photos moved, %d of them to %s", len(moves), dropped, _dropped(photos))
    now = [str(moves.get(one, targets[one])) for one in corrections]
    return _table(corrections, now), f"the photos of {photos} are in their new folders"


def _dropped(photos: Path) -> Path:
    whole = Path(os.path.abspath(photos))
    return whole.with_name(f"{whole.name}_dropped")


def _target(one: Correction, photos: Path) -> Path:
    """Where a photo belongs: the same path, with the folder of the new class."""
    parts = list(PurePosixPath(one.photo).parts)
    if one.new_label is None:
        return _dropped(photos).joinpath(*parts)
    labels = [unicodedata.normalize("NFC", part) for part in parts[:2]]
    place = labels.index(one.label) if one.label in labels else 0
    parts[place] = _named(photos.joinpath(*parts[:place]), one.new_label)
    return photos.joinpath(*parts)


def _named(folder: Path, label: str) -> str:
    """The name of a class folder on this disk, which may be in another normal form of Unicode."""
    there = (one.name for one in folder.iterdir() if one.is_dir())
    return next((name for name in there if unicodedata.normalize("NFC", name) == label), label)


def _rewritten(
    corrections: Sequence[Correction], photos: Path, numbers: pd.Series
) -> tuple[pd.DataFrame, str]:
    header, *body = user_csv.rows(photos)
    column = user_csv.named(header).index("label")
    dropped = set()
    for one in corrections:
        if one.id not in numbers:
            continue
        if one.new_label is None:
            dropped.add(numbers[one.id])
        else:
            body[numbers[one.id] - 2][column] = one.new_label
    kept = [row for number, row in enumerate(body, start=2) if number not in dropped]
    content = user_csv.encoded([header, *kept], photos)
    original = photos.with_name(f"{photos.stem}.before{photos.suffix}")
    if not original.exists():
        with replacing(original) as part:
            part.write_bytes(photos.read_bytes())
    with replacing(photos) as part:
        part.write_bytes(content)
    logger.info("%d photos corrected in %s, %d dropped", len(corrections), photos, len(dropped))
    now = ["" if one.new_label is None else one.photo for one in corrections]
    return _table(corrections, now), f"{photos} is corrected; the original is {original}"


def _written(
    corrections: Sequence[Correction], photos: Path, table: pd.DataFrame, beside: Path
) -> tuple[pd.DataFrame, str]:
    labels = {one.id: one.new_label for one in corrections}
    kept = table[[labels.get(name, "") is not None for name in table["id"]]].copy()
    kept["label"] = kept["id"].map(labels).fillna(kept["label"])
    base = os.path.relpath(source.base(photos), beside.parent)
    kept["url"] = [_from(base, url) for url in kept["url"]]
    write_csv(kept, beside)
    now = ["" if one.new_label is None else one.photo for one in corrections]
    return _table(corrections, now), (
        f"{photos} is as it was, and {beside} has the corrections: use that instead"
    )


def _from(base: str, url: str) -> str:
    """A url as it is; a relative path from another folder."""
    return url if ":" in url or url.startswith("/") else folders.written(Path(base, url))


def _table(corrections: Sequence[Correction], now: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "photo": [one.photo for one in corrections],
            "label": [one.label for one in corrections],
            "new_label": [one.new_label or "" for one in corrections],
            "now": now,
        }
    )
