"""Checks of a photo's bytes: its limits, its format, and whether every pixel decodes."""

import contextlib
import dataclasses
import io
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

from PIL import ExifTags, Image, UnidentifiedImageError

from stillact.config.data import Fetch
from stillact.data.fetch.cache import sha256_of
from stillact.data.fetch.failures import ADDRESS, FetchError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
_TURNED = {5, 6, 7, 8}  # EXIF orientations that swap width and height

# What a user can do about a failure.
_NEEDED = f"Open it in a browser; the url must give a photo ({', '.join(FORMATS)})"
_DAMAGED = "Try again, or replace the file at the source"
_LIMIT = "Raise the limit in config.yaml, or remove the row"


@dataclasses.dataclass(frozen=True)
class Photo:
    """Facts about a photo in the cache; width and height in pixels, of the upright photo."""

    sha256: str
    width: int
    height: int
    mode: str
    bytes: int


@contextlib.contextmanager
def opened(path: Path, settings: Fetch) -> Iterator[Image.Image]:
    """The photo of a file, if it is within the limits; to be decoded within `pillow_limit`.

    Args:
        path: a file; it is read whole, and closed.
        settings: max_bytes and max_pixels.

    Raises:
        FetchError: it cannot be had, or what is done with it within the block stumbles over its
            content; says why.
    """
    content = read(path, settings)
    with _sound(content, settings) as image:
        yield image
    _verify(content, settings)


@contextlib.contextmanager
def pillow_limit(pixels: int) -> Iterator[None]:
    """Pillow's own guard, at our limit and without its warnings: it raises from twice the limit,
    `_sound` from the limit itself."""
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = pixels
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Width and height of a photo that is open, and not yet decoded, when it is upright."""
    # Pillow gives the size of a TIFF upright, that of all others as stored
    turn = image.format != "TIFF" and image.getexif().get(ExifTags.Base.Orientation)
    return image.size[::-1] if turn in _TURNED else image.size


def read(path: Path, settings: Fetch) -> bytes:
    """The bytes of a file within `max_bytes`.

    Raises:
        FetchError: it cannot be had; says why.
    """
    if not os.path.isfile(path):
        raise FetchError("no such file", ADDRESS)
    try:
        if path.stat().st_size > settings.max_bytes:
            raise too_large(settings)
        return path.read_bytes()
    except OSError as error:
        raise FetchError(f"file cannot be read: {error.strerror}", ADDRESS) from None


def look(content: bytes, settings: Fetch, decode: bool) -> Photo:
    """The facts of a photo within the limits; with `decode`, only if every pixel decodes."""
    with _sound(content, settings) as image:
        width, height = upright_size(image)
        mode = image.mode
        if decode:
            image.load()
    if decode:
        _verify(content, settings)
    return Photo(sha256_of(content), width, height, mode, len(content))


def _verify(content: bytes, settings: Fetch) -> None:
    """Hold checksums against what they are of, which loading does not."""
    with _sound(content, settings) as image:
        image.verify()


@contextlib.contextmanager
def _sound(content: bytes, settings: Fetch) -> Iterator[Image.Image]:
    """A photo within the limits; what Pillow raises while it is looked at, as a reason."""
    if len(content) > settings.max_bytes:
        raise too_large(settings)
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > settings.max_pixels:
                raise _too_many_pixels(settings)
            yield image
    except FetchError:
        raise
    except Image.DecompressionBombError:
        raise _too_many_pixels(settings) from None
    except UnidentifiedImageError:
        start = f"starts with {content[:14]!r}".replace("b", "", 1) if content else "empty"
        raise FetchError("not an image", _NEEDED, start) from None
    except Exception:  # Pillow raises whatever its parsers stumble over
        raise FetchError("damaged image", _DAMAGED, wait_s=0.0) from None


def too_large(settings: Fetch) -> FetchError:
    """The failure of a photo beyond `max_bytes`."""
    return FetchError("too large", _LIMIT, f"over fetch.max_bytes {settings.max_bytes}")


def _too_many_pixels(settings: Fetch) -> FetchError:
    return FetchError("too many pixels", _LIMIT, f"over fetch.max_pixels {settings.max_pixels}")
