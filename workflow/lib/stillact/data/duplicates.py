"""Exact and near-duplicate photos.

Two photos are near-duplicates when their perceptual hashes (pHash: the signs of the 8x8 lowest
frequencies of a 32x32 grey copy around their median; library ImageHash) differ in few of 64 bits,
also after mirroring one or turning it by quarter turns, and a comparison of their pixels does not
contradict. This finds resized, recompressed, slightly recoloured, mirrored and turned copies, but
not those cropped by more than some percent.

The comparison of pixels tells copies from photos of a fixed camera, whose hashes are alike too:
in these, the background is aligned to the pixel, while a figure has moved.

A photo without visible structure has only noise at those frequencies. It gets no perceptual hash
and matches only byte-identical copies.
"""

import time
import warnings
from pathlib import Path
from typing import NamedTuple

import imagehash
import numpy as np
import pandas as pd
from PIL import Image

from stillact.core.errors import InputError
from stillact.core.logs import detail, logger
from stillact.data.pixels import stored, upright

COLUMNS = ["image_id_a", "image_id_b", "kind", "distance"]
FLAT_RANGE = 8  # grey levels of 255: below this range the 32x32 copy is only noise
DRAFT_SIDE = 128  # pixels: JPEGs are decoded at the smallest size that is at least this
BLOCK = 256  # rows compared with all others at a time: 41 MB of distances at 20,000 photos
PAIRS = 512  # pairs whose pixels are compared at a time

TURNS = (None, *Image.Transpose)  # as it is, then mirrored and turned in all seven ways
SIDE, CELL = 64, 4  # pixels of the grey copies that are compared, and of their cells
# A photo of a fixed camera: ALIGNED bounds the median of the more textured cells' mean difference,
# in units of their own contrast; of all cells, more than MOVED differ by more than DIFFERS standard
# deviations of the photo. Of 285 COCO photos, no copy (JPEG of quality 20, half size, brightness
# and contrast, 2 and 5 % cropped, a frame, a logo) is taken for one; of pairs whose figure has
# moved, 90 % (a fifth of the photo's height) to 100 % (a third) are.
ALIGNED, MOVED, DIFFERS = 0.15, 0.02, 0.3
UNLIKE = 1.0  # as ALIGNED: above it, mirrored or turned photos are others that have a like hash
CLIPPED = 6  # grey levels from black and white, within which brightness may have been cut
# Two photos by their rows, and how b is turned, of `TURNS`, to be nearest to a: distance, in bits.
PAIR = np.dtype(
    [("a", int), ("b", int), ("exact", bool), ("distance", np.uint8), ("turn", np.uint8)]
)


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
    looks = _looks(images, paths)
    pairs = _candidates(looks, pd.factorize(images.sha256)[0], max_distance)
    keep = pairs["exact"].copy()
    near = np.flatnonzero(~keep)
    same_camera = 0
    for rows in np.split(near, range(PAIRS, len(near), PAIRS)):
        aligned, moved = _compared(looks.copies, pairs[rows])
        camera = (aligned < ALIGNED) & (moved > MOVED)
        same_camera += camera.sum()
        keep[rows] = ~camera & ((pairs["turn"][rows] == 0) | (aligned < UNLIKE))
    if same_camera:
        logger.warning(
            "%d pairs of photos have one background, and figures in other places: they are taken "
            "for photos of one camera, not for copies, and may be on both sides of a split. If "
            "some are of one moment, give those a group (column group of the manifest)",
            same_camera,
        )
    pairs, ids = pairs[keep], images.id.to_numpy()
    kinds = np.where(pairs["exact"], "exact", "near")
    columns = [ids[pairs["a"]], ids[pairs["b"]], kinds, pairs["distance"]]
    return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))


def between(
    study: tuple[pd.DataFrame, list[Path]],
    other: tuple[pd.DataFrame, list[Path]],
    max_distance: int,
) -> pd.DataFrame:
    """The photos of another dataset that a study has too, as they are or as copies.

    Args:
        study, other: rows of images.csv and their files, as for `find`.
        max_distance: as for `find`.

    Returns:
        As `find` does, of the pairs with image_id_a of the study and image_id_b of the other.
    """
    (mine, my_paths), (theirs, their_paths) = study, other
    both = pd.concat([mine, theirs], ignore_index=True)
    numbered = both.assign(id=np.arange(len(both)))  # the two may use one id for two photos
    pairs = find(numbered, [*my_paths, *their_paths], max_distance)
    pairs = pairs[(pairs.image_id_a < len(mine)) & (pairs.image_id_b >= len(mine))]
    ids = both.id.to_numpy()
    return pairs.assign(
        image_id_a=ids[pairs.image_id_a.to_numpy(int)],
        image_id_b=ids[pairs.image_id_b.to_numpy(int)],
    ).reset_index(drop=True)


class _Looks(NamedTuple):
    """What is compared of N photos."""

    hashes: np.ndarray  # (N, 8) uint64, pHash of the photo in each of `TURNS`
    flat: np.ndarray  # (N,) bool, without structure: the hash is ignored
    copies: np.ndarray  # (N, SIDE, SIDE) uint8, grey


def _looks(images: pd.DataFrame, paths: list[Path]) -> _Looks:
    start = time.monotonic()
    hashes = np.zeros((len(images), len(TURNS)), np.uint64)
    copies = np.zeros((len(images), SIDE, SIDE), np.uint8)
    flat = np.zeros(len(images), bool)
    for row, (path, image_id) in enumerate(zip(paths, images.id, strict=True)):
        grey = _grey(path, image_id)
        small = grey.resize((32, 32), Image.Resampling.LANCZOS)  # as imagehash does
        low, high = small.getextrema()
        flat[row] = high - low < FLAT_RANGE
        hashes[row] = [_hash(small, turn) for turn in TURNS]
        copies[row] = grey.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    seconds = time.monotonic() - start
    detail(
        "hashed %d photos in %.1f s (%.0f photos/s), %d of them without structure",
        len(images),
        seconds,
        len(images) / max(seconds, 1e-9),
        flat.sum(),
    )
    return _Looks(hashes, flat, copies)


def _grey(path: Path, image_id: str) -> Image.Image:
    try:
        with warnings.catch_warnings(), stored(path) as image:
            # Pillow warns about large photos (limited by fetch) and transparency of palettes.
            warnings.simplefilter("ignore")
            image.draft("L", (DRAFT_SIDE, DRAFT_SIDE))
            return upright(image).convert("L")
    except (OSError, ValueError, SyntaxError) as error:
        raise InputError(f"image {image_id}: {path} cannot be decoded ({error})") from error


def _hash(small: Image.Image, turn: Image.Transpose | None) -> int:
    """The 64-bit pHash of a grey copy of 32x32 pixels, mirrored or turned."""
    turned = small if turn is None else small.transpose(turn)
    return int(str(imagehash.phash(turned, hash_size=8)), 16)


def _candidates(looks: _Looks, content: np.ndarray, max_distance: int) -> np.ndarray:
    """Compare the hash of each photo with those after it, one block of rows at a time.

    Args:
        looks: of N photos.
        content: (N,) int, equal where the bytes are equal.
        max_distance: as in `find`.

    Returns:
        The pairs of equal bytes or near hashes, of `PAIR`, sorted by a, then b.
    """
    found = [np.empty(0, PAIR)]
    first = looks.hashes[:, 0]
    for start in range(0, len(first), BLOCK):
        rows = slice(start, start + BLOCK)
        exact = content[rows, None] == content[None, start:]
        distance = np.full(exact.shape, 65, np.uint8)
        turn = np.zeros(exact.shape, np.uint8)
        for number in range(len(TURNS)):
            bits = np.bitwise_count(first[rows, None] ^ looks.hashes[None, start:, number])
            turn[bits < distance] = number
            np.minimum(distance, bits, out=distance)
        distance[exact] = 0
        near = (distance <= max_distance) & ~(looks.flat[rows, None] | looks.flat[None, start:])
        a, b = np.nonzero(np.triu(exact | near, k=1))
        pairs = np.empty(len(a), PAIR)
        columns = [start + a, start + b, exact[a, b], distance[a, b], turn[a, b]]
        for name, column in zip(PAIR.names, columns, strict=True):
            pairs[name] = column
        found.append(pairs)
    return np.concatenate(found)


def _compared(copies: np.ndarray, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far the pixels of pairs of photos differ, after matching brightness and contrast.

    Args:
        copies: of all photos, (N, SIDE, SIDE) uint8.
        pairs: (P,) of `PAIR`.

    Returns:
        For each pair the median difference of the more textured half of the cells, in units of
        their contrast; and the share of the cells that differ by more than `DIFFERS` standard
        deviations of the photo. float (P,) each.
    """
    one = copies[pairs["a"]].astype(np.float32)
    two = copies[pairs["b"]].astype(np.float32)
    for row in np.flatnonzero(pairs["turn"]):
        turned = Image.fromarray(copies[pairs["b"][row]]).transpose(TURNS[pairs["turn"][row]])
        two[row] = np.asarray(turned)
    clipped = np.minimum(one, two) <= CLIPPED
    clipped |= np.maximum(one, two) >= 255 - CLIPPED
    gain, offset = _brightness(_means(one), _means(two), _means(clipped) < 0.5)
    differs = np.abs(two - gain[:, None, None] * one - offset[:, None, None])
    differs[clipped] = 0
    scale = np.maximum(one.std((1, 2)), 8) * np.clip(np.abs(gain), 0.2, None)
    cells = _means(differs) / scale[:, None]
    contrast = _cells(one).std(2) / np.maximum(one.std((1, 2)), 8)[:, None]
    textured = np.argsort(contrast, axis=1)[:, contrast.shape[1] // 2 :]
    relative = cells / np.maximum(contrast, 0.05)
    aligned = np.median(np.take_along_axis(relative, textured, axis=1), axis=1)
    return aligned, (cells > DIFFERS).mean(1)


def _brightness(one: np.ndarray, two: np.ndarray, use: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gain and offset that make the cells of `one` those of `two`, by least trimmed squares: the
    better 70 % of the cells decide, so that a figure that has moved does not count.

    Args:
        one, two: means of the cells, (pairs, cells).
        use: bool (pairs, cells), the cells to use; all of a pair that has few.
    """
    use = use | (use.mean(1, keepdims=True) < 0.1)
    kept = use
    for _ in range(6):
        weight = kept / np.maximum(kept.sum(1, keepdims=True), 1)
        mean_one, mean_two = (one * weight).sum(1), (two * weight).sum(1)
        variance = (one**2 * weight).sum(1) - mean_one**2
        gain = ((one * two * weight).sum(1) - mean_one * mean_two) / np.maximum(variance, 1e-6)
        offset = mean_two - gain * mean_one
        residual = np.abs(two - gain[:, None] * one - offset[:, None])
        limit = np.nanquantile(np.where(use, residual, np.nan), 0.7, axis=1, keepdims=True)
        kept = use & (residual <= limit)
    return gain, offset


def _cells(copies: np.ndarray) -> np.ndarray:
    """The pixels of each cell, (pairs, cells, pixels), of copies (pairs, SIDE, SIDE)."""
    side = SIDE // CELL
    split = copies.reshape(-1, side, CELL, side, CELL).transpose(0, 1, 3, 2, 4)
    return split.reshape(len(copies), side * side, CELL * CELL)


def _means(copies: np.ndarray) -> np.ndarray:
    return _cells(copies).mean(2)
