"""Photos to arrays: decoded once, upright, RGB, square, packed into one memory-mapped array."""

import math
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from stillact.fetch import cached
from stillact.log import InputError, logger
from stillact.tables import read_csv, replacing, write_csv

GREY = (127, 127, 127)  # around a letterboxed photo
RESAMPLING = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


def square(
    image: Image.Image, size: int, geometry: str, interpolation: str = "bicubic", crop: float = 1.0
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
    """
    image = _scaled(upright(image), math.floor(size / crop), geometry, RESAMPLING[interpolation])
    left, top = round((image.width - size) / 2), round((image.height - size) / 2)
    return image.crop((left, top, left + size, top + size))


def upright(image: Image.Image) -> Image.Image:
    """An image as RGB, its EXIF orientation applied; 16-bit greys are scaled to 8 bits, and
    transparency is dropped."""
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    return image.convert("RGB")


def _scaled(image: Image.Image, side: int, geometry: str, how: Image.Resampling) -> Image.Image:
    """The image over `side` in the way of `geometry`: its shorter side, both, or all of it."""
    width, height = image.size
    if geometry == "squash":
        return image.resize((side, side), how)
    if geometry == "resize_crop":
        short = min(width, height)
        return image.resize((side * width // short, side * height // short), how)
    scale = side / max(width, height)
    scaled = max(1, round(width * scale)), max(1, round(height * scale))
    padded = Image.new("RGB", (side, side), GREY)
    place = round((side - scaled[0]) / 2), round((side - scaled[1]) / 2)
    padded.paste(image.resize(scaled, how), place)
    return padded


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
    had = read_csv(images).query("status == 'ok'")
    paths = [cached(Path(cache), sha256) for sha256 in had["sha256"]]
    pack(paths, target=target, threads=threads, **look)
    write_csv(had[["id", "sha256"]].rename(columns={"id": "image_id"}), index)


def pack(
    paths: Sequence[Path],
    size: int,
    geometry: str,
    target: str | Path,
    threads: int = 1,
    interpolation: str = "bicubic",
    crop: float = 1.0,
) -> None:
    """Write the photos as one .npy array: uint8, shape (photos, size, size, 3), RGB.

    The array appears under its name only when it is whole. Memory holds a few photos at a time.

    Args:
        paths: of the photos.
        size, geometry, interpolation, crop: as for `square`.
        target: the array.
        threads: that decode.

    Raises:
        InputError: a photo cannot be decoded; names its file.
    """
    start = time.perf_counter()
    look = dict(size=size, geometry=geometry, interpolation=interpolation, crop=crop)
    with replacing(target) as part:
        array = np.lib.format.open_memmap(part, "w+", np.uint8, (len(paths), size, size, 3))
        _fill(array, paths, look, threads)
    seconds = time.perf_counter() - start
    logger.info("packed %d photos to %d px %s in %.1f s: %.0f images/s",
                len(paths), size, geometry, seconds, len(paths) / seconds)  # fmt: skip


def _fill(array, paths, look, threads):
    last = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        for row, pixels in enumerate(pool.map(lambda path: _decode(path, look), paths)):
            array[row] = pixels
            if time.perf_counter() - last > 5:
                last = time.perf_counter()
                logger.info("packed %d of %d photos", row + 1, len(paths))
    array.flush()


def _decode(path: Path, look: dict) -> np.ndarray:
    try:
        with Image.open(path) as image:
            return np.asarray(square(image, **look))
    except (OSError, ValueError, SyntaxError) as error:
        raise InputError(
            f"photo {path} cannot be decoded: {error}; delete it and fetch again "
            "(snakemake --forcerun fetch)"
        ) from error
