"""Photos to arrays: decoded once, upright, RGB, square, packed into one memory-mapped array."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from stillact.log import InputError, logger
from stillact.tables import replacing

GREY = (127, 127, 127)  # around a letterboxed photo


def square(image: Image.Image, size: int, geometry: str) -> Image.Image:
    """An RGB image of `size` by `size` pixels, resampled with antialiased bicubic.

    Args:
        image: any mode; its EXIF orientation is applied, 16-bit greys are scaled to 8 bits, and
            transparency is dropped.
        size: side in pixels.
        geometry: "resize_crop" scales the shorter side to `size` and crops the centre, with the
            rounding of torchvision's Resize and CenterCrop; "letterbox" scales the longer side to
            `size` and pads with grey, so that the whole photo is seen undistorted.
    """
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    image = image.convert("RGB")
    width, height = image.size
    if geometry == "letterbox":
        scale = size / max(width, height)
        scaled = max(1, round(width * scale)), max(1, round(height * scale))
        padded = Image.new("RGB", (size, size), GREY)
        place = round((size - scaled[0]) / 2), round((size - scaled[1]) / 2)
        padded.paste(image.resize(scaled, Image.Resampling.BICUBIC), place)
        return padded
    short = min(width, height)
    scaled = (size * width // short, size * height // short)
    left, top = round((scaled[0] - size) / 2), round((scaled[1] - size) / 2)
    image = image.resize(scaled, Image.Resampling.BICUBIC)
    return image.crop((left, top, left + size, top + size))


def pack(
    paths: Sequence[Path], size: int, geometry: str, target: str | Path, threads: int = 1
) -> None:
    """Write the photos as one .npy array: uint8, shape (photos, size, size, 3), RGB.

    The array appears under its name only when it is whole. Memory holds a few photos at a time.

    Raises:
        InputError: a photo cannot be decoded; names its file.
    """
    start = time.perf_counter()
    with replacing(target) as part:
        _write(paths, size, geometry, part, threads)
    seconds = time.perf_counter() - start
    logger.info("packed %d photos to %d px %s in %.1f s: %.0f images/s",
                len(paths), size, geometry, seconds, len(paths) / seconds)  # fmt: skip


def _write(paths, size, geometry, part, threads):
    array = np.lib.format.open_memmap(part, "w+", np.uint8, (len(paths), size, size, 3))
    last = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        decoded = pool.map(lambda path: _decode(path, size, geometry), paths)
        for row, pixels in enumerate(decoded):
            array[row] = pixels
            if time.perf_counter() - last > 5:
                last = time.perf_counter()
                logger.info("packed %d of %d photos", row + 1, len(paths))
    array.flush()


def _decode(path: Path, size: int, geometry: str) -> np.ndarray:
    try:
        with Image.open(path) as image:
            return np.asarray(square(image, size, geometry))
    except (OSError, ValueError, SyntaxError) as error:
        raise InputError(
            f"photo {path} cannot be decoded: {error}; delete it and fetch again "
            "(snakemake --forcerun fetch)"
        ) from error
