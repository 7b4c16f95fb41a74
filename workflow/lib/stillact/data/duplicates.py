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

A burst of N copies has N²/2 pairs. Only as many are kept as connect its photos, N - 1, and the
pixels of two photos that others connect already are not compared, so that both memory and
comparisons grow as the photos do.
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
BLOCK = 64  # photos compared with all others at a time: 10 MB of distances at 20,000 photos
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
PAIR = np.dtype([("a", int), ("b", int), ("distance", np.uint8), ("turn", np.uint8)])


def find(images: pd.DataFrame, paths: list[Path], max_distance: int) -> pd.DataFrame:
    """Find the groups of exact or near-duplicate photos: those that pairs of duplicates connect.

    Args:
        images: rows of images.csv with status ok; columns id and sha256 are read.
        paths: the photos' files, in the order of `images`.
        max_distance: largest Hamming distance between hashes of near-duplicates, bits, 0 to 64.

    Returns:
        The pairs that connect each group, one fewer than it has photos. Columns image_id_a,
        image_id_b (a precedes b in `images`), kind ("exact": equal sha256; "near"), distance (int,
        bits; 0 for exact) and group (the id of its first photo), sorted by a, then b.

    Raises:
        InputError: Pillow cannot decode a file.
    """
    first = _first_of(images.sha256)
    links, group = _linked(_looks(images, paths), first, max_distance)
    ids = images.id.to_numpy()
    exact = first[links["a"]] == first[links["b"]]
    return _table(ids, ids, links, exact).assign(group=ids[group[links["a"]]])


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
        Of each such photo, in the order of `other`, the nearest of the study: image_id_a (of the
        study), image_id_b (of the other), kind and distance as of `find`.
    """
    (mine, my_paths), (theirs, their_paths) = study, other
    known = pd.Series(_first_of(mine.sha256), index=mine.sha256)
    same = theirs.sha256.map(known[~known.index.duplicated()]).to_numpy(float)
    exact = np.zeros(int((same >= 0).sum()), PAIR)
    exact["b"] = np.flatnonzero(same >= 0)
    exact["a"] = same[exact["b"]]
    rest = np.flatnonzero(np.isnan(same))
    near = _nearest(_looks(mine, my_paths), _looks(theirs, their_paths), rest, max_distance)
    pairs = np.concatenate([exact, near])
    pairs = pairs[np.argsort(pairs["b"])]
    return _table(mine.id.to_numpy(), theirs.id.to_numpy(), pairs, same[pairs["b"]] >= 0)


def _first_of(sha256: pd.Series) -> np.ndarray:
    """For each photo the row of the first with the same bytes, int (N,)."""
    rows = pd.Series(np.arange(len(sha256)))
    return rows.groupby(sha256.to_numpy()).transform("first").to_numpy(int)


def _table(ids_a: np.ndarray, ids_b: np.ndarray, pairs: np.ndarray, exact: np.ndarray):
    """Pairs, of `PAIR`, as a table with `COLUMNS`."""
    kinds = np.where(exact, "exact", "near")
    columns = [ids_a[pairs["a"]], ids_b[pairs["b"]], kinds, pairs["distance"]]
    return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))


class _Looks(NamedTuple):
    """What is compared of N photos."""

    hashes: np.ndarray  # (N, 8) uint64, pHash of the photo in each of `TURNS`
    flat: np.ndarray  # (N,) bool, without structure: the hash is ignored
    copies: np.ndarray  # (N, SIDE, SIDE) uint8, grey

    def of(self, rows: slice | np.ndarray) -> "_Looks":
        return _Looks(*(part[rows] for part in self))


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


def _linked(looks: _Looks, first: np.ndarray, max_distance: int) -> tuple[np.ndarray, np.ndarray]:
    """Connect photos of equal bytes, then those with near hashes whose pixels do not contradict.

    Args:
        looks: of N photos.
        first: of `_first_of`.
        max_distance: as in `find`.

    Returns:
        The pairs that connect the photos of each group, of `PAIR`, sorted by a, then b; and the
        first row of each photo's group, int (N,).
    """
    group = first.copy()
    copies = np.flatnonzero(first != np.arange(len(first)))
    exact = np.zeros(len(copies), PAIR)
    exact["a"], exact["b"] = first[copies], copies
    links, same_camera = [exact], 0
    for start in range(0, len(first), BLOCK):
        rows = slice(start, start + BLOCK)
        apart = np.triu(group[rows, None] != group[None, start:])
        pairs = _near(looks.of(rows), looks.of(slice(start, None)), apart, max_distance)
        pairs["a"] += start
        pairs["b"] += start
        for some in np.split(pairs, range(PAIRS, len(pairs), PAIRS)):
            some = some[group[some["a"]] != group[some["b"]]]
            copy, camera = _verdicts(looks, looks, some)
            same_camera += int(camera.sum())
            links.append(_join(group, some[copy]))
    if same_camera:
        logger.warning(
            "%d pairs of photos have one background, and figures in other places: they are taken "
            "for photos of one camera, not for copies, and may be on both sides of a split. If "
            "some are of one moment, give those a group (column group of the manifest)",
            same_camera,
        )
    found = np.concatenate(links)
    return found[np.lexsort((found["b"], found["a"]))], group


def _join(group: np.ndarray, copies: np.ndarray) -> np.ndarray:
    """Join the groups of pairs, in place; the pairs that were needed for it."""
    needed = np.zeros(len(copies), bool)
    for i, (a, b) in enumerate(zip(group[copies["a"]], group[copies["b"]], strict=True)):
        # an earlier pair may have joined either group to another
        a, b = group[a], group[b]
        needed[i] = a != b
        if needed[i]:
            group[group == max(a, b)] = min(a, b)
    return copies[needed]


def _nearest(mine: _Looks, theirs: _Looks, rows: np.ndarray, max_distance: int) -> np.ndarray:
    """The nearest copy in `mine` of each photo `rows` of `theirs` that has one, as `PAIR`."""
    found, same_camera = [np.empty(0, PAIR)], set()
    for some in np.split(rows, range(BLOCK, len(rows), BLOCK)):
        possible = np.ones((len(mine.flat), len(some)), bool)
        pairs = _near(mine, theirs.of(some), possible, max_distance)
        pairs["b"] = some[pairs["b"]]
        pairs = _nearest_first(pairs)
        while len(pairs):
            tried, pairs = pairs[:PAIRS], pairs[PAIRS:]
            copy, camera = _verdicts(mine, theirs, tried)
            same_camera |= {*tried["b"][camera].tolist()}
            copies = tried[copy]
            found.append(copies[np.unique(copies["b"], return_index=True)[1]])
            pairs = pairs[~np.isin(pairs["b"], copies["b"])]
    nearest = np.concatenate(found)
    same_camera -= {*nearest["b"].tolist()}
    if same_camera:
        logger.warning(
            "%d photos have the background of one of the study, and figures in other places: they "
            "are taken for photos of one camera, not for copies",
            len(same_camera),
        )
    return nearest


def _nearest_first(pairs: np.ndarray) -> np.ndarray:
    """Pairs in another order: the nearest of each b, then the second nearest of each, and so on."""
    pairs = pairs[np.lexsort((pairs["a"], pairs["distance"], pairs["b"]))]
    _, start, place = np.unique(pairs["b"], return_index=True, return_inverse=True)
    rank = np.arange(len(pairs)) - start[place]
    return pairs[np.argsort(rank, kind="stable")]


def _near(one: _Looks, two: _Looks, possible: np.ndarray, max_distance: int) -> np.ndarray:
    """The pairs of near hashes, of `PAIR`, sorted by a (of `one`), then b (of `two`).

    Args:
        one, two: of A and B photos.
        possible: bool (A, B), the pairs to compare.
        max_distance: as in `find`.
    """
    distance = np.full(possible.shape, 65, np.uint8)
    turn = np.zeros(possible.shape, np.uint8)
    for number in range(len(TURNS)):
        bits = np.bitwise_count(one.hashes[:, :1] ^ two.hashes[None, :, number])
        turn[bits < distance] = number
        np.minimum(distance, bits, out=distance)
    near = (distance <= max_distance) & possible & ~(one.flat[:, None] | two.flat[None])
    a, b = np.nonzero(near)
    pairs = np.empty(len(a), PAIR)
    pairs["a"], pairs["b"], pairs["distance"], pairs["turn"] = a, b, distance[a, b], turn[a, b]
    return pairs


def _verdicts(one: _Looks, two: _Looks, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which pairs of near hashes are copies, and which photos of one camera; bool (P,) each."""
    aligned, moved = _compared(one.copies[pairs["a"]], two.copies[pairs["b"]], pairs["turn"])
    camera = (aligned < ALIGNED) & (moved > MOVED)
    return ~camera & ((pairs["turn"] == 0) | (aligned < UNLIKE)), camera


def _compared(one: np.ndarray, two: np.ndarray, turns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far the pixels of pairs of photos differ, after matching brightness and contrast.

    Args:
        one, two: grey copies of each pair, uint8 (P, SIDE, SIDE).
        turns: how the second is turned, of `TURNS`, (P,).

    Returns:
        For each pair the median difference of the more textured half of the cells, in units of
        their contrast; and the share of the cells that differ by more than `DIFFERS` standard
        deviations of the photo. float (P,) each.
    """
    one, two = one.astype(np.float32), two.astype(np.float32)
    for row in np.flatnonzero(turns):
        turned = Image.fromarray(two[row]).transpose(TURNS[turns[row]])
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
        kept = use & (residual <= _quantile(residual, use, 0.7))
    return gain, offset


def _quantile(values: np.ndarray, use: np.ndarray, share: float) -> np.ndarray:
    """The quantile of the values to use of each row, (rows, 1); at least one per row is used.
    As np.nanquantile, which takes several times as long, because it treats one row at a time."""
    ordered = np.sort(np.where(use, values, np.inf), axis=1)
    place = share * (use.sum(1, keepdims=True) - 1)
    below, above = np.floor(place).astype(int), np.ceil(place).astype(int)
    low, high = (np.take_along_axis(ordered, at, axis=1) for at in (below, above))
    return low + (place - below) * (high - low)


def _cells(copies: np.ndarray) -> np.ndarray:
    """The pixels of each cell, (pairs, cells, pixels), of copies (pairs, SIDE, SIDE)."""
    side = SIDE // CELL
    split = copies.reshape(-1, side, CELL, side, CELL).transpose(0, 1, 3, 2, 4)
    return split.reshape(len(copies), side * side, CELL * CELL)


def _means(copies: np.ndarray) -> np.ndarray:
    return _cells(copies).mean(2)
