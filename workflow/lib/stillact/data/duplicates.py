"""Exact and near-duplicate photos.

Two photos are near-duplicates when their perceptual hashes (pHash: the signs of the 8x8 lowest
frequencies of a 32x32 grey copy around their median; library ImageHash) differ in few of 64 bits.
This finds resized, recompressed or slightly recoloured copies, but not cropped, rotated or mirrored
ones.

A photo without visible structure has only noise at those frequencies. It gets no perceptual hash
and matches only byte-identical copies.
"""

import time
import warnings
from pathlib import Path

import imagehash
import numpy as np
import pandas as pd
from PIL import Image

from stillact.core.errors import InputError
from stillact.core.logs import logger
from stillact.data.pixels import stored, upright

COLUMNS = ["image_id_a", "image_id_b", "kind", "distance"]
FLAT_RANGE = 8  # grey levels of 255: below this range the 32x32 copy is only noise
DRAFT_SIDE = 128  # pixels: JPEGs are decoded at the smallest size that is at least this
BLOCK = 256  # rows compared with all others at a time: 41 MB of distances at 20,000 photos


def find(images: pd.DataFrame, paths: list[Path], max_distance: int) -> pd.DataFrame:
    """Find all pairs of exact or near-duplicate photos.

    Args:
        images: rows of images.csv with status ok; columns id and sha256 are read.
        paths: the photos' files, in the order of `images`.
        max_distance: largest Hamming distance between hashes of near-duplicates, bits, 0 to 64.

    Returns:
        Columns image_id_a, image_id_b (a precedes b in `images`), kind ("exact": equal sha256;
        "near") and distance (int, bits; 0 for exact), sorted by a, then b.

    Raises:
        InputError: Pillow cannot decode a file.
    """
    start = time.monotonic()
    hashed = [_hash(path, image_id) for path, image_id in zip(paths, images.id, strict=True)]
    seconds = time.monotonic() - start
    flat = np.array([h is None for h in hashed], bool)
    logger.info(
        "hashed %d photos in %.1f s (%.0f photos/s), %d of them without structure",
        len(hashed),
        seconds,
        len(hashed) / max(seconds, 1e-9),
        flat.sum(),
    )
    bits = np.array([h or 0 for h in hashed], np.uint64)
    content = pd.factorize(images.sha256)[0]
    return _pairs(images.id.to_numpy(), bits, flat, content, max_distance)


def _hash(path: Path, image_id: str) -> int | None:
    """The 64-bit pHash of the upright photo, or None for one without structure."""
    try:
        with warnings.catch_warnings(), stored(path) as image:
            # Pillow warns about large photos (limited by fetch) and transparency of palettes.
            warnings.simplefilter("ignore")
            image.draft("L", (DRAFT_SIDE, DRAFT_SIDE))
            grey = upright(image).convert("L")
    except (OSError, ValueError, SyntaxError) as error:
        raise InputError(f"image {image_id}: {path} cannot be decoded ({error})") from error
    low, high = grey.resize((32, 32), Image.Resampling.LANCZOS).getextrema()
    if high - low < FLAT_RANGE:
        return None
    return int(str(imagehash.phash(grey, hash_size=8)), 16)


def _pairs(
    ids: np.ndarray, bits: np.ndarray, flat: np.ndarray, content: np.ndarray, max_distance: int
) -> pd.DataFrame:
    """Compare each photo with those after it, one block of rows at a time.

    Args:
        ids: (N,) image ids.
        bits: (N,) uint64 hashes.
        flat: (N,) bool, photos without structure, whose hash is ignored.
        content: (N,) int, equal where the bytes are equal.
        max_distance: as in `find`.
    """
    found = []
    for start in range(0, len(bits), BLOCK):
        rows = slice(start, start + BLOCK)
        distance = np.bitwise_count(bits[rows, None] ^ bits[None, start:])
        exact = content[rows, None] == content[None, start:]
        near = (distance <= max_distance) & ~(flat[rows, None] | flat[None, start:])
        a, b = np.nonzero(np.triu(exact | near, k=1))
        kind = np.where(exact[a, b], "exact", "near")
        found.append(
            pd.DataFrame(
                {
                    "image_id_a": ids[start + a],
                    "image_id_b": ids[start + b],
                    "kind": kind,
                    "distance": np.where(kind == "exact", 0, distance[a, b]),
                }
            )
        )
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=COLUMNS)
