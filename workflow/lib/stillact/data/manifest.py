"""The manifest, a table with one labelled photo per row, and its validation."""

import hashlib
import math
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pandas as pd

from stillact.core import user_csv
from stillact.core.errors import InputError, did_you_mean
from stillact.core.logs import logger
from stillact.core.runs import SUBSETS
from stillact.data.boxes import Box
from stillact.data.labelled import source

COLUMNS = ("id", "label", "url", "split", "group", "sha256", "person_boxes", "votes")
REQUIRED = ("url", "label")
NO_GROUP = ("nan", "none", "null", "na", "n/a", "<na>")  # what tools write for an empty cell
SHOWN = 20  # faults listed in a message

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ID_RULE = "use up to 64 of A-Z a-z 0-9 . _ - and start with a letter or digit"
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")

Fault = tuple[int, str]  # row as in a spreadsheet (the header is row 1), and the fault


def load(
    path: str | Path,
    classes: list[str],
    known: str = "dataset.classes in config.yaml",
    group_by: str | None = None,
) -> pd.DataFrame:
    """The photos of a manifest, in file order.

    Args:
        path: labelled photos, as `source.rows` reads them. The columns `url` and `label` are
            required, also under another name (`user_csv.named`), the other `COLUMNS` optional, any
            other column is ignored. Empty rows are skipped.
        classes: allowed labels.
        known: where these are set, for messages.
        group_by: as in `source.rows`.

    Returns:
        The `COLUMNS`, all strings, '' if not given. The default id is the first 12 hex digits of
        the SHA-256 of the url; sha256 is in lower case; a group of `NO_GROUP` is ''.

    Raises:
        InputError: the file cannot be read, or rows are invalid; one message lists all faults.
    """
    return numbered(path, classes, known, group_by).reset_index(drop=True)


def numbered(
    path: str | Path,
    classes: list[str],
    known: str = "dataset.classes in config.yaml",
    group_by: str | None = None,
) -> pd.DataFrame:
    """As `load`, indexed by row number as in a spreadsheet (the header is row 1)."""
    header, rows = _read(path, group_by)
    _check_header(path, header)
    table = _table(header, rows)
    if Path(path).is_dir():
        _check_folders(path, table["label"], classes, known)
    checks = {
        "(none)": _beyond_header(len(header), rows),
        "label": _label_faults(table["label"], classes, known),
        "url": _url_faults(table["url"], table["label"]),
        "id": _id_faults(table["id"], table["url"]),
        "split": _split_faults(table["split"]),
        "group": _group_faults(table["group"]),
        "sha256": _hash_faults(table["sha256"]),
        "person_boxes": _box_faults(table["person_boxes"]),
        "votes": _vote_faults(table["votes"]),
    }
    faults = [(row, column, what) for column, found in checks.items() for row, what in found]
    if faults:
        raise InputError(_message(path, sorted(faults)))
    return table


def column(path: str | Path, name: str) -> list[str]:
    """The cells of one of the other columns; none if there is no such column.

    Args:
        path: as in `load`, of a valid manifest.
        name: of the column.
    """
    header, *rows = source.rows(path)
    if name not in header:
        return []
    place = header.index(name)
    return [row[place] for row in rows if len(row) > place]


def parse_boxes(text: str) -> list[Box]:
    """The boxes of a `person_boxes` cell, "x y width height" each, in pixels of the upright photo;
    with decimal points or commas.

    Raises:
        ValueError: a box is not four finite numbers with a positive width and height.
    """
    boxes = []
    for part in text.split(";") if text else ():
        x, y, width, height = (float(number.replace(",", ".")) for number in part.split())
        if not (math.isfinite(x + y + width + height) and width > 0 and height > 0):
            raise ValueError(f"not a box: {part}")
        boxes.append(Box.of_size(x, y, width, height))
    return boxes


def _read(path: str | Path, group_by: str | None) -> tuple[list[str], dict[int, list[str]]]:
    """The header, and the cells of each non-empty row, by row number."""
    try:
        rows = source.rows(path, group_by)
    except InputError as error:
        raise InputError(f"manifest {error}") from None
    body = {number: row for number, row in enumerate(rows[1:], start=2) if any(row)}
    if not rows or not body:
        raise InputError(
            f"manifest {path} has no photos; it needs a header with the columns url and label, "
            "and one row per photo"
        )
    return _named(path, rows[0]), body


def _named(path: str | Path, header: list[str]) -> list[str]:
    names = user_csv.named(header)
    for given, name in zip(header, names, strict=True):
        if given.lower() != name:
            logger.info("manifest %s: the column %r is used as %s", path, given, name)
    return names


def _check_folders(path: str | Path, labels: pd.Series, classes: list[str], known: str) -> None:
    unknown = labels[~labels.isin(classes)].value_counts()
    if len(unknown):
        raise InputError(
            f"manifest {path}: no class is named "
            f"{', '.join(f'{name} ({count} photos)' for name, count in unknown.items())}. Known "
            f"({known}): {', '.join(classes)}. Rename or remove the folder, or add the class"
        )


def _check_header(path: str | Path, header: list[str]) -> None:
    """Raise an InputError for a missing or repeated column, or a misspelt one, whose values would
    be ignored silently."""
    faults = [
        f"column {name} is given twice; remove one" for name in COLUMNS if header.count(name) > 1
    ]
    absent = [name for name in COLUMNS if name not in header]
    others = [name for name in header if name not in COLUMNS]
    for name in absent:
        if name in REQUIRED:
            meant = [repr(other) for other in others if other in user_csv.OFTEN[name]]
            hint = f" Rename one of {', '.join(meant)} to it" if meant else ""
            hint = hint or did_you_mean(name, others)
            faults.append(f"no column {name}; add it.{hint}")
    for name in others:
        # of the same first letter: a column of notes is not one of votes
        near = [one for one in absent if one not in REQUIRED and one[0] == name[:1].lower()]
        hint = did_you_mean(name.lower(), near)
        if hint:
            faults.append(f"unknown column {name!r}.{hint} Rename or remove it")
    if faults:
        found = ", ".join(header)
        raise InputError(f"manifest {path}, row 1 (columns {found}):\n  " + "\n  ".join(faults))


def _table(header: list[str], rows: dict[int, list[str]]) -> pd.DataFrame:
    """The `COLUMNS` as text, indexed by row number; ids and hashes in their final form."""
    empty = dict.fromkeys(COLUMNS, "")
    records = [empty | dict(zip(header, row, strict=False)) for row in rows.values()]
    table = pd.DataFrame(records, index=list(rows), columns=list(COLUMNS), dtype=str)
    default = table["url"].map(lambda url: hashlib.sha256(url.encode()).hexdigest()[:12])
    table["id"] = table["id"].where(table["id"] != "", default)
    table["sha256"] = table["sha256"].str.lower()
    table["label"] = table["label"].str.normalize("NFC")  # macOS may write names of folders in NFD
    table["group"] = table["group"].where(~table["group"].str.lower().isin(NO_GROUP), "")
    return table


def _beyond_header(columns: int, rows: dict[int, list[str]]) -> Iterator[Fault]:
    rule = "put a cell that contains the delimiter in double quotes"
    for number, row in rows.items():
        if any(row[columns:]):
            beyond = ",".join(row[columns:])
            yield number, f"{beyond!r} is beyond the last of {columns} columns; {rule}"


def _label_faults(labels: pd.Series, classes: list[str], known: str) -> Iterator[Fault]:
    known = f"Known ({known}): {', '.join(classes)}"
    for number, label in labels[~labels.isin(classes)].items():
        if label:
            yield number, f"unknown label {label!r}.{did_you_mean(label, classes)} {known}"
        else:
            yield number, f"empty; give one of the classes. {known}"


def _url_faults(urls: pd.Series, labels: pd.Series) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for number, url in urls.items():
        fault = _url_fault(url)
        if fault:
            yield number, fault
        elif (seen := first.setdefault(url, number)) != number:
            one, two = labels[seen], labels[number]
            also = f"with label {one!r}, here with {two!r}" if one != two else "with the same label"
            yield number, f"{url!r} is already in row {seen}, {also}; remove one"


def _url_fault(url: str) -> str:
    if not url:
        return "empty; give an address or a path"
    if url.startswith(user_csv.FORMULA):
        return f"{url!r} would be read as a formula by a spreadsheet; put ./ before the path"
    scheme = _SCHEME.match(url)
    if not scheme:
        return ""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port  # both raise if the text is invalid
    except ValueError as error:
        return f"{url!r} is not an address: {error}; correct it"
    match parts.scheme:
        case "http" | "https" if not host:
            return f"{url!r} has no host; write {parts.scheme}://host/path"
        case "file" if host not in (None, "localhost") or not parts.path.startswith("/"):
            return f"{url!r} is not an absolute path; write file:///folder/photo.jpg"
        case "http" | "https" | "file":
            return ""
    return (
        f"{url!r} starts with {scheme[0]!r}; use http://, https://, file:// or a path "
        "(with ./ before a path that contains a colon)"
    )


def _id_faults(ids: pd.Series, urls: pd.Series) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for number, value in ids[~urls.duplicated()].items():  # repeated urls are reported separately
        if not _ID.fullmatch(value):
            yield number, f"{value!r} is not an id; {_ID_RULE}"
        elif (seen := first.setdefault(value, number)) != number:
            yield number, f"{value!r} is already in row {seen}; use another"


def _split_faults(splits: pd.Series) -> Iterator[Fault]:
    if not splits.any():
        return
    allowed = ", ".join(SUBSETS)
    for number, split in splits[~splits.isin(SUBSETS)].items():
        if split:
            hint = did_you_mean(split, SUBSETS)
            yield number, f"unknown split {split!r}.{hint} Allowed: {allowed}"
        elif set(splits) != {"", "test"}:
            yield (
                number,
                f"empty, while other rows have one; set {allowed}, or only test, or clear all",
            )


def _group_faults(groups: pd.Series) -> Iterator[Fault]:
    for number, group in groups[groups.str.startswith(user_csv.FORMULA)].items():
        yield number, f"{group!r} would be read as a formula by a spreadsheet; start with a letter"


def _hash_faults(hashes: pd.Series) -> Iterator[Fault]:
    for number, value in hashes.items():
        if value and not _SHA256.fullmatch(value):
            yield number, f"{value!r} is not 64 hex digits; correct or clear it"


def _box_faults(boxes: pd.Series) -> Iterator[Fault]:
    rule = 'is not "x y width height" in pixels (several joined by ;); correct or clear it'
    for number, text in boxes.items():
        try:
            parse_boxes(text)
        except ValueError:
            yield number, f"{text!r} {rule}"


def _vote_faults(votes: pd.Series) -> Iterator[Fault]:
    rule = "is not a number from 0; give how many people, or captions, gave the label, or clear it"
    for number, text in votes[votes != ""].items():
        try:
            valid = 0 <= float(text) < math.inf
        except ValueError:
            valid = False
        if not valid:
            yield number, f"{text!r} {rule}"


def _message(path: str | Path, faults: list[tuple[int, str, str]]) -> str:
    count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    lines = [f"  row {row}, column {column}: {what}" for row, column, what in faults[:SHOWN]]
    if len(faults) > SHOWN:
        lines.append(f"  ... and {len(faults) - SHOWN} more")
    return "\n".join([f"manifest {path} has {count} (the header is row 1):", *lines])
