"""Photos to arrays: decoded once, upright, RGB, square, packed into one memory-mapped array."""

import math
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image, ImageOps

from stillact.core.errors import InputError
from stillact.core.logs import logger
from stillact.core.tables import read_csv, replacing, write_csv
from stillact.data.boxes import Box, clipped
from stillact.data.fetch.cache import cached
from stillact.data.manifest import parse_boxes
from stillact.data.preprocessing import Preprocessing

GREY = (127, 127, 127)  # around a letterboxed photo
RESAMPLING = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
WHOLE = dict(geometry="letterbox", crop=1.0)  # nothing is cut off
MARGIN = 0.15  # around a person, on either side, over the side of their box


def square(
    image: Image.Image,
    size: int,
    geometry: str,
    interpolation: str = "bicubic",
    crop: float = 1.0,
    region: Box | None = None,
) -> Image.Image:
    """An RGB image of `size` by `size` pixels, resampled with antialiasing.

    Args:
        image: any mode; taken `upright`.
        size: side in pixels.
        geometry: "resize_crop" scales the shorter side to `size` and crops the centre, with the
            rounding of torchvision's Resize and CenterCrop; "squash" scales both sides to `size`,
            whatever the aspect ratio; "letterbox" scales the longer side to `size` and pads with
            grey, so that the whole photo is seen undistorted.
        interpolation: "bicubic" or "bilinear".
        crop: timm's crop_pct; below 1 the photo is scaled to floor(size / crop) in place of `size`,
            and the centre of that is taken.
        region: the part of the upright photo that all this is done to; None: all of it.
    """
    image = upright(image)
    image = image if region is None else image.crop(region)
    image = _scaled(image, Preprocessing(size, geometry, interpolation, crop))
    left, top = round((image.width - size) / 2), round((image.height - size) / 2)
    return image.crop((left, top, left + size, top + size))


def upright(image: Image.Image) -> Image.Image:
    """An image as RGB, its EXIF orientation applied; 16-bit greys are scaled to 8 bits, and
    transparency is dropped."""
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    return image.convert("RGB")


def _scaled(image: Image.Image, how: Preprocessing) -> Image.Image:
    """The image scaled, and padded to a square where all of it is to be seen."""
    made = image.resize(how.scaled(*image.size), RESAMPLING[how.interpolation])
    if how.geometry != "letterbox":
        return made
    padded = Image.new("RGB", (how.side, how.side), GREY)
    place = round((how.side - made.width) / 2), round((how.side - made.height) / 2)
    padded.paste(made, place)
    return padded


def person_region(boxes: Iterable[Box], width: int, height: int) -> Box | None:
    """The part of a photo around its person: their box with a `MARGIN`, to whole pixels, cut to the
    photo.

    The person is the one with the largest box, each box cut to the photo.

    Args:
        boxes: as of `manifest.parse_boxes`.
        width, height: of the upright photo, pixels.

    Returns:
        None without a box that lies on the photo.
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
    threads: int = 1,
    **look: Any,
) -> None:
    """Pack every photo that could be had, and write the table that names the array's rows.

    Args:
        images: the table of rule fetch.
        cache: where it put the photos.
        target: as for `pack`.
        index: CSV with a row for each of the array's: image_id, sha256.
        threads: that decode.
        look: what `square` is told: size, geometry, and where they differ interpolation and crop.

    Raises:
        InputError: a photo is not in the cache, or cannot be decoded.
    """
    had, paths = _had(images, cache)
    pack(paths, target=target, threads=threads, **look)
    write_csv(had[["id", "sha256"]].rename(columns={"id": "image_id"}), index)


def pack_view(
    view: str,
    images: str | Path,
    manifest: str | Path | None,
    cache: str | Path,
    target: str | Path,
    threads: int = 1,
    **look: Any,
) -> None:
    """Pack another view of every photo that could be had; the rows are those of `pack_fetched`.

    Args:
        view: "letterbox", all of each photo; or "person", its `person_region`, letterboxed, and a
            photo without one as `look` says.
        images, cache, target, threads: as for `pack_fetched`.
        manifest: the table of rule manifest, for person boxes.
        look: of the backbone's authors, as for `pack_fetched`.

    Raises:
        InputError: as `pack_fetched`.
    """
    had, paths = _had(images, cache)
    if view == "letterbox":
        return pack(paths, target=target, threads=threads, **{**look, **WHOLE})
    boxes = read_csv(manifest).set_index("id")["person_boxes"]
    regions = [
        person_region(parse_boxes(boxes[photo.id]), int(photo.width), int(photo.height))
        for photo in had.itertuples()
    ]
    if without := regions.count(None):
        logger.warning(
            "%d of %d photos have no person box and are packed as they are", without, len(regions)
        )
    pack(paths, target=target, threads=threads, regions=regions, **look)


def _had(images: str | Path, cache: str | Path) -> tuple[pd.DataFrame, list[Path]]:
    """The rows of the photos that could be had, and where each is."""
    had = read_csv(images).query("status == 'ok'")
    return had, [cached(Path(cache), sha256) for sha256 in had["sha256"]]


def pack(
    paths: Sequence[Path],
    size: int,
    geometry: str,
    target: str | Path,
    threads: int = 1,
    interpolation: str = "bicubic",
    crop: float = 1.0,
    regions: Sequence[Box | None] | None = None,
) -> None:
    """Write the photos as one .npy array: uint8, shape (photos, size, size, 3), RGB.

    The array appears under its name only when it is whole. Memory holds a few photos at a time.

    Args:
        paths: of the photos.
        size, geometry, interpolation, crop: as for `square`.
        target: the array.
        threads: that decode.
        regions: of each photo the part that is taken, letterboxed; one of which it is None is
            taken as it is. None: all are.

    Raises:
        InputError: a photo cannot be decoded; names its file.
    """
    start = time.perf_counter()
    look = dict(size=size, geometry=geometry, interpolation=interpolation, crop=crop)
    looks = [
        look if region is None else {**look, **WHOLE, "region": region}
        for region in regions or [None] * len(paths)
    ]
    with replacing(target) as part, open(part, "wb") as file:
        shape = (len(paths), size, size, 3)
        described = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, described)
        _fill(file, paths, looks, threads)
    seconds = time.perf_counter() - start
    how = geometry if regions is None else "around their person"
    logger.info(
        "packed %d photos to %d px %s in %.1f s: %.0f images/s",
        len(paths),
        size,
        how,
        seconds,
        len(paths) / seconds,
    )


def _fill(file, paths, looks, threads):
    last = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        for row, pixels in enumerate(pool.map(_decode, paths, looks)):
            file.write(pixels.tobytes())
            if time.perf_counter() - last > 5:
                last = time.perf_counter()
                logger.info("packed %d of %d photos", row + 1, len(paths))


def _decode(path: Path, look: dict) -> np.ndarray:
    try:
        with Image.open(path) as image:
            return np.asarray(square(image, **look))
    except (OSError, ValueError, SyntaxError) as error:
        raise InputError(
            f"photo {path} cannot be decoded: {error}; delete it and fetch again "
            "(snakemake --forcerun fetch)"
        ) from error
