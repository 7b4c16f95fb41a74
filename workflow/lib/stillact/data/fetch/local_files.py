"""Photos that are files of this machine: paths in the manifest, and files of `local_dirs`."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from stillact.core import user_csv
from stillact.core.errors import InputError
from stillact.core.tables import sha256_of
from stillact.core.urls import shown
from stillact.data.labelled import source


def path_of(url: str, base: Path) -> Path | None:
    """The file of a row whose url is a path or file:; None for http and https.

    Args:
        url: of the manifest.
        base: folder to which relative paths refer.
    """
    parts = urlsplit(url)
    if parts.scheme in ("http", "https"):
        return None
    return Path(unquote(parts.path)) if url.lower().startswith("file:") else base / url


def in_folders(url: str, folders: Sequence[Path]) -> list[Path]:
    """The files that end as the path of a url does, with the longest common end first: for
    http://host/anna/001.jpg, anna/001.jpg before 001.jpg.

    A query is part of a name (001.jpg?id=2, as wget saves it); a file without it comes after.
    """
    parts = urlsplit(url)
    *above, name = PurePosixPath(unquote(parts.path)).parts or ("",)
    above = [part for part in above if part != "/"]
    if name in ("", "/") or "\0" in name or ".." in above:
        return []
    names = [f"{name}?{parts.query}", name] if parts.query else [name]
    ends = [os.path.join(*above[start:], one) for one in names for start in range(len(above) + 1)]
    # unlike Path.is_file, os.path.isfile is False for a name that is too long
    return [folder / end for end in ends for folder in folders if os.path.isfile(folder / end)]


def check_distinct(rows: Iterable[tuple[str, str, str]], folders: Sequence[Path]) -> None:
    """Check that no file of the folders stands for two photos.

    Args:
        rows: id, url and sha256 ('' if unknown) of each photo.
        folders: `dataset.local_dirs`.

    Raises:
        InputError: names both rows and the file.
    """
    first: dict[Path, tuple[str, str]] = {}
    for image, url, sha256 in rows:
        if sha256 or path_of(url, Path()) is not None:
            continue
        for path in in_folders(url, folders)[:1]:
            seen, other = first.setdefault(path, (image, url))
            if other != url:
                raise InputError(
                    f"dataset.local_dirs: the file {path} has the name of two photos, {seen} "
                    f"({shown(other)}) and {image} ({shown(url)}). Put them into folders named as "
                    "in their addresses, or give their sha256 in the manifest"
                )


def state_of_photos(manifest: Path, folders: Sequence[Path]) -> str:
    """A digest of the size and time of each photo that is a file of this machine.

    As a parameter of a job it makes photos that were replaced, removed or added stale, whatever
    their time. About 10 us per photo and folder. A manifest that cannot be read has the state of an
    empty one: the job that validates it says so.

    Args:
        manifest: as for `manifest.load`.
        folders: `dataset.local_dirs`.
    """
    digest, base = hashlib.sha256(), source.base(manifest)
    for url in _urls(manifest):
        path = path_of(url, base)
        found = in_folders(url, folders)[:1] if path is None else [path]
        for file in found:
            digest.update(f"{url}\0{_state(file)}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()


def state_of_files(path: Path) -> str:
    """A digest of the size and time of a file, or of each file of a folder."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    seen = [f"{file.relative_to(path)}\0{_state(file)}" for file in files]
    return hashlib.sha256("\0".join(seen).encode(errors="surrogateescape")).hexdigest()


def content_of(path: Path) -> str:
    """The SHA-256 of a small file, or of the rows of a folder (`source.rows`); "" if it cannot be
    read."""
    try:
        if path.is_dir():
            rows = "\0".join(map("\t".join, source.rows(path)))
            return hashlib.sha256(rows.encode(errors="surrogateescape")).hexdigest()
        return sha256_of(path)
    except (OSError, InputError):
        return ""


def _state(file: Path) -> str:
    try:
        status = os.stat(file)
    except (OSError, ValueError):
        return "absent"
    return f"{status.st_size} {status.st_mtime_ns}"


def _urls(manifest: Path) -> list[str]:
    try:
        header, *rows = source.rows(manifest)
        column = user_csv.named(header).index("url")
        return [row[column] for row in rows if len(row) > column]
    except (ValueError, InputError):
        return []
