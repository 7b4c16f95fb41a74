"""Preprocessing of photos: decoded once, upright, RGB, square, packed into one array."""

import itertools
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from stillact.core import arrays
from stillact.core.errors import InputError
from stillact.core.logs import detail, logger
from stillact.core.tables import read_csv, replacing, write_csv
from stillact.data.boxes import Box, region_of
from stillact.data.fetch.cache import cached
from stillact.data.people import boxes_of
from stillact.data.pixels import stored, upright
from stillact.data.preprocessing import Preprocessing

GREY = (127, 127, 127)  # around a letterboxed photo
RESAMPLING = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


def square(
    image: Image.Image, preprocessing: Preprocessing, people: Sequence[Box] = ()
) -> Image.Image:
    """Convert an image to a square in RGB, resampled with antialiasing.

    Args:
        image: any mode; made `upright` first.
        preprocessing: size, geometry, interpolation, crop and region.
        people: boxes of the people in the upright photo, which the regions need.
    """
    return of_upright(upright(image), preprocessing, people)


def of_upright(
    image: Image.Image, preprocessing: Preprocessing, people: Sequence[Box] = ()
) -> Image.Image:
    """Like `square`, for an image that is `upright` already."""
    region, how = region_of(preprocessing, people, *image.size)
    image = _scaled(image if region is None else image.crop(region), how)
    size = how.size
    left, top = round((image.width - size) / 2), round((image.height - size) / 2)
    return image.crop((left, top, left + size, top + size))


def _scaled(image: Image.Image, how: Preprocessing) -> Image.Image:
    """The scaled image, padded to a square if letterboxed."""
    scaled = image.resize(how.scaled(*image.size), RESAMPLING[how.interpolation])
    if how.geometry != "letterbox":
        return scaled
    padded = Image.new("RGB", (how.side, how.side), GREY)
    place = round((how.side - scaled.width) / 2), round((how.side - scaled.height) / 2)
    padded.paste(scaled, place)
    return padded


def pack_fetched(
    images: str | Path,
    cache: str | Path,
    target: str | Path,
    preprocessing: Preprocessing,
    threads: int = 1,
    index: str | Path | None = None,
    people: str | Path | None = None,
) -> None:
    """Pack every available photo, and write the index of the array's rows.

    Args:
        images: table of rule fetch.
        cache: cache folder of the photos.
        target: as for `pack`.
        preprocessing: of every photo.
        threads: number of decoding threads.
        index: CSV with one row per row of the array: image_id, sha256; None: not written.
        people: table of rule people, which the regions need.

    Raises:
        InputError: a photo is not in the cache, or cannot be decoded.
    """
    photos, paths = available(images, cache)
    boxes = None
    if people is not None:
        known = boxes_of(people)
        boxes = [known[name] for name in photos["id"]]
        if without := sum(not of_photo for of_photo in boxes):
            logger.warning(
                "%d of %d photos have no person box and are packed as a whole", without, len(boxes)
            )
    pack(paths, preprocessing, target, threads, boxes)
    if index is not None:
        write_csv(photos[["id", "sha256"]].rename(columns={"id": "image_id"}), index)


def available(images: str | Path, cache: str | Path) -> tuple[pd.DataFrame, list[Path]]:
    """The rows of the available photos in a table of rule fetch, and their files in the cache."""
    rows = read_csv(images).query("status == 'ok'")
    return rows, [cached(Path(cache), sha256) for sha256 in rows["sha256"]]


def pack(
    paths: Sequence[Path],
    preprocessing: Preprocessing,
    target: str | Path,
    threads: int = 1,
    people: Sequence[Sequence[Box]] | None = None,
) -> None:
    """Write the photos as one .npy array: uint8, shape (photos, size, size, 3), RGB.

    The array is written atomically. Only a few photos are held in memory at a time.

    Args:
        paths: files of the photos.
        preprocessing: of the photos.
        target: file of the array.
        threads: number of decoding threads.
        people: boxes of the people in each photo, which the regions need; None: unknown.

    Raises:
        InputError: a photo cannot be decoded; names its file.
    """
    start = time.perf_counter()
    people = people or [()] * len(paths)
    size = preprocessing.size
    with replacing(target) as part:
        with open(part, "wb") as file:
            shape = (len(paths), size, size, 3)
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            _fill(file, paths, preprocessing, people, threads)
        arrays.seal(part)
    seconds = time.perf_counter() - start
    detail(
        "packed %d photos to %d px, %s, %s, in %.1f s: %.0f images/s",
        len(paths),
        size,
        preprocessing.geometry,
        preprocessing.region,
        seconds,
        len(paths) / seconds,
    )


def _fill(file, paths, preprocessing, people, threads):
    last = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        decoded = pool.map(_decode, paths, itertools.repeat(preprocessing), people)
        for row, pixels in enumerate(decoded):
            file.write(pixels.tobytes())
            if time.perf_counter() - last > 5:
                last = time.perf_counter()
                logger.info("packed %d of %d photos", row + 1, len(paths))


def _decode(path: Path, preprocessing: Preprocessing, people: Sequence[Box]) -> np.ndarray:
    try:
        with stored(path) as image:
            return np.asarray(square(image, preprocessing, people))
    except (OSError, ValueError, SyntaxError) as error:
        raise InputError(
            f"photo {path} cannot be decoded: {error}; delete it and fetch again "
            "(snakemake --forcerun fetch)"
        ) from error
