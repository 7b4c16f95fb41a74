"""Preprocessing of photos: decoded once, upright, RGB, square, packed into one array."""

import math
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from stillact.core import arrays
from stillact.core.errors import InputError
from stillact.core.logs import logger
from stillact.core.tables import read_csv, replacing, write_csv
from stillact.data.boxes import Box, clipped
from stillact.data.fetch.cache import cached
from stillact.data.manifest import parse_boxes
from stillact.data.pixels import stored, upright
from stillact.data.preprocessing import Preprocessing

GREY = (127, 127, 127)  # around a letterboxed photo
RESAMPLING = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
MARGIN = 0.15  # around a person, on either side, relative to the side of their box


def square(
    image: Image.Image, preprocessing: Preprocessing, region: Box | None = None
) -> Image.Image:
    """Convert an image to a square in RGB, resampled with antialiasing.

    Args:
        image: any mode; made `upright` first.
        preprocessing: size, geometry, interpolation and crop.
        region: part of the upright photo to use; None: all of it.
    """
    image = upright(image)
    image = image if region is None else image.crop(region)
    image, size = _scaled(image, preprocessing), preprocessing.size
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


def person_region(boxes: Iterable[Box], width: int, height: int) -> Box | None:
    """The region of a photo around its person: their box with a `MARGIN`, in whole pixels, clipped
    to the photo.

    The person is the one with the largest box, after clipping to the photo.

    Args:
        boxes: as returned by `manifest.parse_boxes`.
        width, height: size of the upright photo, pixels.

    Returns:
        None if no box overlaps the photo.
    """
    cut = clipped(boxes, width, height)
    if not cut:
        return None
    person = max(cut, key=lambda box: box.area)
    across, down = MARGIN * person.width, MARGIN * person.height
    around = Box(
        math.floor(person.left - across),
        math.floor(person.top - down),
        math.ceil(person.right + across),
        math.ceil(person.bottom + down),
    )
    (region,) = clipped([around], width, height)
    return region


def pack_fetched(
    images: str | Path,
    cache: str | Path,
    target: str | Path,
    index: str | Path,
    preprocessing: Preprocessing,
    threads: int = 1,
) -> None:
    """Pack every available photo, and write the index of the array's rows.

    Args:
        images: table of rule fetch.
        cache: cache folder of the photos.
        target: as for `pack`.
        index: CSV with one row per row of the array: image_id, sha256.
        preprocessing: of every photo.
        threads: number of decoding threads.

    Raises:
        InputError: a photo is not in the cache, or cannot be decoded.
    """
    photos, paths = available(images, cache)
    pack(paths, preprocessing, target, threads)
    write_csv(photos[["id", "sha256"]].rename(columns={"id": "image_id"}), index)


def pack_view(
    view: str,
    images: str | Path,
    manifest: str | Path | None,
    cache: str | Path,
    target: str | Path,
    preprocessing: Preprocessing,
    threads: int = 1,
) -> None:
    """Pack another view of every available photo; the rows are those of `pack_fetched`.

    Args:
        view: "letterbox", all of each photo; or "person", its `person_region`, letterboxed; photos
            without a person box use `preprocessing`.
        images, cache, target, threads: as for `pack_fetched`.
        manifest: table of rule manifest, for person boxes.
        preprocessing: that of the backbone's authors, as for `pack_fetched`.

    Raises:
        InputError: as for `pack_fetched`.
    """
    photos, paths = available(images, cache)
    if view == "letterbox":
        return pack(paths, preprocessing.letterboxed(), target, threads)
    boxes = read_csv(manifest).set_index("id")["person_boxes"]
    regions = [
        person_region(parse_boxes(boxes[photo.id]), int(photo.width), int(photo.height))
        for photo in photos.itertuples()
    ]
    if without := regions.count(None):
        logger.warning(
            "%d of %d photos have no person box and are packed without a crop",
            without,
            len(regions),
        )
    pack(paths, preprocessing, target, threads, regions)


def available(images: str | Path, cache: str | Path) -> tuple[pd.DataFrame, list[Path]]:
    """The rows of the available photos in a table of rule fetch, and their files in the cache."""
    rows = read_csv(images).query("status == 'ok'")
    return rows, [cached(Path(cache), sha256) for sha256 in rows["sha256"]]


def pack(
    paths: Sequence[Path],
    preprocessing: Preprocessing,
    target: str | Path,
    threads: int = 1,
    regions: Sequence[Box | None] | None = None,
) -> None:
    """Write the photos as one .npy array: uint8, shape (photos, size, size, 3), RGB.

    The array is written atomically. Only a few photos are held in memory at a time.

    Args:
        paths: files of the photos.
        preprocessing: of the photos.
        target: file of the array.
        threads: number of decoding threads.
        regions: region of each photo to use, letterboxed; None for a photo: its usual
            preprocessing. None: no regions.

    Raises:
        InputError: a photo cannot be decoded; names its file.
    """
    start = time.perf_counter()
    regions_of = regions or [None] * len(paths)
    letterboxed = preprocessing.letterboxed()
    hows = [preprocessing if region is None else letterboxed for region in regions_of]
    size = preprocessing.size
    with replacing(target) as part:
        with open(part, "wb") as file:
            shape = (len(paths), size, size, 3)
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            _fill(file, paths, hows, regions_of, threads)
        arrays.seal(part)
    seconds = time.perf_counter() - start
    how = preprocessing.geometry if regions is None else "around the person"
    logger.info(
        "packed %d photos to %d px %s in %.1f s: %.0f images/s",
        len(paths),
        size,
        how,
        seconds,
        len(paths) / seconds,
    )


def _fill(file, paths, hows, regions_of, threads):
    last = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        for row, pixels in enumerate(pool.map(_decode, paths, hows, regions_of)):
            file.write(pixels.tobytes())
            if time.perf_counter() - last > 5:
                last = time.perf_counter()
                logger.info("packed %d of %d photos", row + 1, len(paths))


def _decode(path: Path, preprocessing: Preprocessing, region: Box | None) -> np.ndarray:
    try:
        with stored(path) as image:
            return np.asarray(square(image, preprocessing, region))
    except (OSError, ValueError, SyntaxError) as error:
        raise InputError(
            f"photo {path} cannot be decoded: {error}; delete it and fetch again "
            "(snakemake --forcerun fetch)"
        ) from error
