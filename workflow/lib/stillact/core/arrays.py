"""Arrays on the disk, as .npy with a checksum behind the array, where readers of .npy ignore it."""

import zlib
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np

from stillact.core.errors import damaged
from stillact.core.tables import replacing

MARK = b"CRC32"  # before the checksum of all bytes that precede it
CHUNK = 2**20  # bytes


def save(array: np.ndarray, path: str | Path) -> None:
    """Write an array as .npy atomically."""
    with replacing(path) as part:
        with open(part, "wb") as file:
            np.save(file, array)
        seal(part)


def seal(path: str | Path) -> None:
    """Append its checksum to a .npy file."""
    with open(path, "r+b") as file:
        checksum = _checksum(file, file.seek(0, 2))
        file.write(MARK + checksum.to_bytes(4))


def load(path: str | Path, mmap_mode: Literal["r"] | None = None) -> np.ndarray:
    """Read a .npy file. The checksum is checked if the file has one.

    Args:
        path: of the file.
        mmap_mode: "r": mapped into memory, and read where it is used; None: read.

    Raises:
        InputError: the file is damaged or cut short, or its bytes have changed; names it.
    """
    try:
        _check(path)
        return np.load(path, mmap_mode)
    except (ValueError, EOFError) as error:
        raise damaged(path, f" or cut short ({error})") from None


def _check(path: str | Path) -> None:
    with open(path, "rb") as file:
        content = file.seek(0, 2) - len(MARK) - 4
        file.seek(max(content, 0))
        if file.read(len(MARK)) != MARK:
            return
        expected = int.from_bytes(file.read())
        if _checksum(file, content) != expected:
            raise ValueError("its content changed after it was written")


def _checksum(file: BinaryIO, size: int) -> int:
    """The CRC-32 of the first `size` bytes, after which the file is left."""
    file.seek(0)
    checksum = 0
    for start in range(0, size, CHUNK):
        checksum = zlib.crc32(file.read(min(CHUNK, size - start)), checksum)
    return checksum
