"""Checks of a photo's bytes: size limits, format, and complete decoding."""

import contextlib
import dataclasses
import io
import os
import stat
import warnings
from collections.abc import Iterator
from pathlib import Path

from PIL import ExifTags, Image, UnidentifiedImageError

from stillact.config.data import Fetch
from stillact.core.logs import logger
from stillact.core.urls import shown
from stillact.data.fetch.cache import sha256_of
from stillact.data.fetch.failures import ADDRESS, FetchError
from stillact.data.fetch.jpeg_end import completed
from stillact.data.pixels import DEEP, upright

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF", "AVIF", "JPEG2000")
# Sides of a photo: scaling the shorter one of a thinner photo to that of a model's input would
# enlarge the other one to gigabytes.
LONGEST = 100
_TURNED = {5, 6, 7, 8}  # EXIF orientations that swap width and height

# Advice for each failure.
_NEEDED = f"Open it in a browser; the url must lead to a photo ({', '.join(FORMATS)})"
_DAMAGED = "Try again, or replace the file at the source"
_CONVERT = "Save it with 8 bits per channel"
_LIMIT = "Raise the limit in config.yaml, or remove the row"


@dataclasses.dataclass(frozen=True)
class Photo:
    """Metadata of a photo in the cache; width and height in pixels, of the upright photo."""

    sha256: str
    width: int
    height: int
    mode: str
    bytes: int


@contextlib.contextmanager
def opened(path: Path, settings: Fetch) -> Iterator[Image.Image]:
    """Open a photo file that is within the limits; decode it within `pillow_limit`.

    Args:
        path: a file; it is read completely, and closed.
        settings: max_bytes and max_pixels.

    Raises:
        FetchError: the photo is unavailable, or its content fails to decode within the block; with
            the reason.
    """
    with _decoded(read(path, settings), settings, str(path)) as image:
        yield image


@contextlib.contextmanager
def _decoded(content: bytes, settings: Fetch, name: str) -> Iterator[Image.Image]:
    with _sound(content, settings):  # within the limits, before `completed` decodes it
        whole = completed(content)
    if whole is not content:
        logger.warning(
            "%s: this JPEG lacks its end marker; its pixels are complete and are used", name
        )
    with _sound(whole, settings) as image:
        yield image
    with _sound(whole, settings) as image:  # the checksums in the file, which loading does not
        image.verify()


@contextlib.contextmanager
def pillow_limit(pixels: int) -> Iterator[None]:
    """Set Pillow's decompression-bomb limit, without its warnings: Pillow raises above twice the
    limit, `_sound` above the limit itself."""
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = pixels
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Width and height of an open photo, not necessarily decoded, after applying its EXIF
    orientation."""
    # Pillow gives the upright size for TIFF, and the stored size for all other formats
    turn = image.format != "TIFF" and image.getexif().get(ExifTags.Base.Orientation)
    return image.size[::-1] if turn in _TURNED else image.size


def read(path: Path, settings: Fetch) -> bytes:
    """The bytes of a file within `max_bytes`.

    Raises:
        FetchError: the file is unavailable; with the reason.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        raise FetchError("no such file", ADDRESS) from None
    if not stat.S_ISREG(status.st_mode):  # reading a device or a pipe may never end
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise FetchError(kind, ADDRESS)
    if not status.st_size:  # of /proc too, some of which block when read
        raise FetchError("not an image", _NEEDED, "empty")
    try:
        if status.st_size > settings.max_bytes:
            raise too_large(settings)
        return path.read_bytes()
    except OSError as error:
        raise FetchError(f"file cannot be read: {error.strerror}", ADDRESS) from None


def look(content: bytes, settings: Fetch, decode: bool, url: str) -> Photo:
    """Metadata of a photo within the limits; with `decode`, after decoding every pixel.

    Args:
        content: of the file.
        settings: max_bytes and max_pixels.
        decode: whether to decode it.
        url: for the log.

    Raises:
        FetchError: not a photo within the limits, or damaged; with the reason.
    """
    how = _decoded(content, settings, shown(url)) if decode else _sound(content, settings)
    with how as image:
        width, height = upright_size(image)
        mode = image.mode
        if decode:
            stated = image.size
            image.load()
            if image.size != stated:  # a damaged HEIC's may be that of its pixels only after this
                raise FetchError("damaged image", _DAMAGED, wait_s=0.0)
            if mode in DEEP:
                _scaled(image)
    return Photo(sha256_of(content), width, height, mode, len(content))


def _scaled(image: Image.Image) -> None:
    try:
        upright(image)
    except ValueError as error:
        raise FetchError("pixels without a scale", _CONVERT, str(error)) from None


@contextlib.contextmanager
def _sound(content: bytes, settings: Fetch) -> Iterator[Image.Image]:
    """Open a photo within the limits; raise Pillow's errors as a FetchError."""
    if len(content) > settings.max_bytes:
        raise too_large(settings)
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > settings.max_pixels:
                raise _too_many_pixels(settings)
            if max(image.size) > LONGEST * min(image.size):
                size = f"{max(image.size)} by {min(image.size)} pixels"
                raise FetchError("too long and thin", "Crop it, or remove the row", size)
            yield image
    except (FetchError, MemoryError):  # which is no fault of the photo
        raise
    except Image.DecompressionBombError:
        raise _too_many_pixels(settings) from None
    except UnidentifiedImageError:
        raise FetchError("not an image", _NEEDED, _kind(content)) from None
    except Exception:  # Pillow's parsers raise many kinds of errors
        raise FetchError("damaged image", _DAMAGED, wait_s=0.0) from None


def _kind(content: bytes) -> str:
    """What a file is instead of a photo; its content is not shown, as it may be private."""
    start = content[:512].lstrip().lower()
    if not start:
        return "empty"
    known = {b"<!doctype html": "a web page", b"<html": "a web page", b"<svg": "an SVG drawing"}
    known |= {b"<?xml": "XML", b"%pdf": "a PDF", b"pk\x03\x04": "a ZIP archive", b"{": "JSON"}
    for mark, kind in known.items():
        if start.startswith(mark):
            return kind
    if content[4:8] == b"ftyp":
        return "a video, or a damaged HEIC or AVIF"
    return "text" if b"\0" not in content[:512] and start.isascii() else "of an unknown format"


def too_large(settings: Fetch) -> FetchError:
    """The error for a photo above `max_bytes`."""
    return FetchError("too large", _LIMIT, f"over fetch.max_bytes {settings.max_bytes}")


def _too_many_pixels(settings: Fetch) -> FetchError:
    return FetchError("too many pixels", _LIMIT, f"over fetch.max_pixels {settings.max_pixels}")
