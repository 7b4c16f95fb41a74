"""Arrays on the disk."""

from pathlib import Path
from typing import Literal

import numpy as np

from stillact.core.errors import damaged
from stillact.core.tables import replacing


def save(array: np.ndarray, path: str | Path) -> None:
    """Write an array as .npy atomically."""
    with replacing(path) as part, open(part, "wb") as file:
        np.save(file, array)


def load(path: str | Path, mmap_mode: Literal["r"] | None = None) -> np.ndarray:
    """Read a .npy file.

    Args:
        path: of the file.
        mmap_mode: "r": mapped into memory, and read where it is used; None: read.

    Raises:
        InputError: the file is damaged or cut short; names it.
    """
    try:
        return np.load(path, mmap_mode)
    except (ValueError, EOFError) as error:
        raise damaged(path, f" or cut short ({error})") from None
