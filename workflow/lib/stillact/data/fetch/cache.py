"""The cache of verified photos, which is separate from the results."""

import contextlib
import errno
import hashlib
import os
import time
import uuid
from pathlib import Path

from stillact.core.errors import InputError
from stillact.core.urls import shown

# Layout of the cache: `{sha256[:2]}/{sha256}` holds the original bytes of a photo, and
# `urls/{sha256 of a url}` the SHA-256 of the photo from that url. Each file is written to `parts/`,
# synced and renamed, so that a file under its final name is complete even if a process was killed.

_STALE_S = 3600.0  # a part exists for milliseconds; one this old was left by a killed process


def cached(cache: Path, sha256: str) -> Path:
    """Path of a cached photo.

    Raises:
        InputError: the cache has no such photo.
    """
    path = place(cache, sha256)
    if not path.is_file():
        raise InputError(
            f"the photo cache {cache} (dataset.cache) has no photo {sha256}: it was emptied or "
            "moved after the photos were fetched. Fetch again: snakemake --forcerun fetch"
        )
    return path


def sha256_of(content: bytes) -> str:
    """SHA-256 of some bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def place(cache: Path, sha256: str) -> Path:
    """Path of the photo with a hash, which need not exist."""
    return cache / sha256[:2] / sha256


def index(cache: Path, url: str) -> Path:
    """Path of the file with the hash of the photo from a url."""
    return cache / "urls" / sha256_of(url.encode())


def sweep(cache: Path) -> None:
    """Remove stale parts of killed processes; a part of a live process is younger."""
    for part in (cache / "parts").glob("*"):
        with contextlib.suppress(OSError):  # removed by another process, or owned by another user
            if time.time() - part.stat().st_mtime > _STALE_S:
                part.unlink()


def write(cache: Path, target: Path, content: bytes, url: str) -> None:
    """Write a file of the cache atomically.

    Raises:
        InputError: it cannot be written; names its url.
    """
    part = cache / "parts" / uuid.uuid4().hex
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        target.parent.mkdir(exist_ok=True)
        with open(part, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, target)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        raise InputError(
            f"cannot write to the photo cache {cache} (dataset.cache in config.yaml): "
            f"{error.strerror}, at {shown(url)} ({len(content)} bytes). "
            f"{'Make room there' if full else 'Allow writing there'}, or name another folder; "
            "photos fetched so far are kept"
        ) from error
