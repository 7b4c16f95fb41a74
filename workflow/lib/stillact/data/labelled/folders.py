"""Folders of labelled photos."""

import json
from pathlib import Path

from stillact.core import user_csv
from stillact.core.errors import InputError
from stillact.data import photo_files

# Folder names of subsets, as in Ultralytics' and torchvision's classification datasets and in
# Hugging Face's imagefolder.
SUBSET_OF = {"train": "train", "val": "validation", "valid": "validation"}
SUBSET_OF |= {"validation": "validation", "dev": "validation", "test": "test"}
METADATA = ("metadata.csv", "metadata.jsonl")


def rows(folder: Path, group_by: str | None = None) -> list[list[str]]:
    """The rows of a manifest, the header first.

    A folder has one folder of photos per class; or one such folder per subset (`SUBSET_OF`); or, in
    it or in each subset, a metadata.csv or metadata.jsonl with a column file_name and one of the
    labels, as in Hugging Face's imagefolder.

    Of train and test (or validation) only, the latter is the test set, and the former is without a
    subset, as is a single one.

    Args:
        folder: the folder.
        group_by: "folder": photos of one subfolder of a class are a group.

    Raises:
        InputError: there is no photo, or one is in no class folder; subsets beside classes; a
            metadata file that cannot be read.
    """
    if described := metadata(folder):
        return _described(folder, described)
    found = [Path(file) for file in photo_files.files(folder)]
    subsets = _subsets(folder, found)
    place = 1 if subsets else 0  # of the class in a path
    if outside := [str(file) for file in found if len(file.parts) < place + 2]:
        raise InputError(
            f"{folder}: {len(outside)} photos are in no class folder (first: {outside[0]}); move "
            f"them into {folder}/CLASS/"
        )
    table = [["url", "label", "split", "group"]]
    for file in found:
        below = file.parts[place : place + 2] if len(file.parts) > place + 2 else ()
        group = "/".join(below) if group_by == "folder" else ""
        split = subsets.get(file.parts[0], "")
        table.append([written(file), file.parts[place], split, group])
    return table


def metadata(folder: Path) -> list[Path]:
    """The files in a folder that name its photos and their labels, as in Hugging Face's
    imagefolder; none where the names of the folders are the labels."""
    return [file for name in METADATA for file in sorted(folder.glob(f"**/{name}"))]


def written(file: Path) -> str:
    """A relative path as a cell: one that a spreadsheet would read as a formula, or that starts
    like an address, begins with ./"""
    text = file.as_posix()
    return f"./{text}" if text.startswith(user_csv.FORMULA) or ":" in text else text


def _subsets(folder: Path, found: list[Path]) -> dict[str, str]:
    """The subset of each folder, in a layout with subsets; {} for one with classes only."""
    tops = {file.parts[0] for file in found if len(file.parts) > 2}
    named = {top: SUBSET_OF[top.lower()] for top in tops if top.lower() in SUBSET_OF}
    if not named:
        return {}
    others = sorted({file.parts[0] for file in found if len(file.parts) > 1} - set(named))
    if others:
        raise InputError(
            f"{folder}: {', '.join(sorted(named))} are subsets by their names and "
            f"{', '.join(others)} are not. Rename the former if they are classes, or move the "
            "latter into them"
        )
    return resolved(named)


def resolved(named: dict[str, str]) -> dict[str, str]:
    """The subset of each name, where `named` need not have all three: without a test set, the
    validation set is the test set, and photos of the other sets have none, so that training and
    validation photos are drawn from them."""
    there = set(named.values())
    if there == {"train", "validation", "test"}:
        return named
    held_out = "test" if "test" in there else "validation"
    alone = len(there) == 1
    return {name: "test" if one == held_out and not alone else "" for name, one in named.items()}


def _described(folder: Path, metadata: list[Path]) -> list[list[str]]:
    """The rows of metadata files, whose file names are relative to them."""
    tops = {file.relative_to(folder).parts[0] for file in metadata}
    named = {top: SUBSET_OF[top.lower()] for top in tops if top.lower() in SUBSET_OF}
    subsets = resolved(named) if len(named) == len(tops) else {}
    columns: list[str] = []
    records = []
    for file in metadata:
        header, *lines = user_csv.rows(file) if file.suffix == ".csv" else _json_lines(file)
        header = user_csv.named(header)
        columns += [name for name in header if name not in columns]
        if "url" not in header or "label" not in header:
            raise InputError(
                f"{file} has no column {'label' if 'url' in header else 'file_name'}. Add it; "
                "or remove the file, to take the labels from the names of the folders"
            )
        here = file.parent.relative_to(folder)
        for line in lines:
            record = dict(zip(header, line, strict=False))
            records.append(
                record
                | {"url": written(here / record["url"])}
                | ({"split": subsets[here.parts[0]]} if subsets else {})
            )
    columns += ["split"] if subsets and "split" not in columns else []
    return [columns, *([record.get(name, "") for name in columns] for record in records)]


def _json_lines(file: Path) -> list[list[str]]:
    try:
        lines = [json.loads(line) for line in file.read_text("utf-8-sig").splitlines() if line]
        columns = list(dict.fromkeys(name for line in lines for name in line))
    except (ValueError, TypeError) as error:
        raise InputError(f"{file} is not JSON Lines, an object per line: {error}") from None
    return [columns, *([str(line.get(name, "")) for name in columns] for line in lines)]
