"""The pixels of a photo as everything sees them: upright, RGB of 8 bits, in sRGB, opaque."""

import io
from pathlib import Path

import numpy as np
import pi_heif
from PIL import Image, ImageCms, ImageOps

DEEP = ("I", "F")  # modes whose values say how they are scaled
SMAXSAMPLEVALUE = 341  # TIFF 6.0: the largest value of a sample
JPEG_START, JPEG_END = b"\xff\xd8", b"\xff\xd9"
pi_heif.register_heif_opener()  # HEIC, for Pillow; upright, with 8 bits per channel
_SRGB = ImageCms.createProfile("sRGB")


def stored(path: str | Path) -> Image.Image:
    """Open a photo that `fetch` has checked; not decoded yet.

    A JPEG is read with an end marker, which it may lack (`jpeg_end`).
    """
    content = Path(path).read_bytes()
    return Image.open(io.BytesIO(content + JPEG_END * content.startswith(JPEG_START)))


def upright(image: Image.Image) -> Image.Image:
    """Convert an image to RGB with its EXIF orientation applied.

    16-bit grey is scaled by its range; other integers and floats as `_eight_bits`. Transparency is
    laid over white. Colours of an embedded profile other than sRGB (Adobe RGB, Display P3) are
    converted to sRGB, relative colorimetric; an unreadable profile is ignored. An opaque image in
    sRGB, or without a profile, is as `image.convert("RGB")`.

    Raises:
        ValueError: values that have no scale: below 0, above 65,535, or not a number.
    """
    stated = getattr(image, "tag_v2", {}).get(SMAXSAMPLEVALUE)
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):
        values = np.asarray(image)
        grey = np.where(values == image.info.get("transparency"), 255, values >> 8)
        image = Image.fromarray(grey.astype(np.uint8))
    elif image.mode in DEEP:
        image = _eight_bits(image, stated[0] if isinstance(stated, tuple) else stated)
    profile = image.info.get("icc_profile")
    opaque = _over_white(image)
    if profile and image.mode in ("RGB", "RGBA", "P", "PA"):
        return _in_srgb(opaque, profile)
    return opaque


def _eight_bits(image: Image.Image, stated: float | None) -> Image.Image:
    """Grey of 8 bits from 32-bit integers or floats: scaled by the largest value that the file
    states, or else by 1, 255 or 65,535, the first that no value exceeds (1 only for floats)."""
    values = np.asarray(image, np.float64)
    low, high = values.min(), values.max()
    if not (np.isfinite(high) and low >= 0 and high <= 65_535):
        raise ValueError(
            f"grey values from {low:g} to {high:g} have no known scale; save it with 8 or 16 bits "
            "per channel"
        )
    ranges = [stated] if stated and stated >= high else [1] * (image.mode == "F") + [255, 65_535]
    scale = next(top for top in ranges if high <= top)
    return Image.fromarray(np.rint(values * (255 / scale)).astype(np.uint8))


def _over_white(image: Image.Image) -> Image.Image:
    if image.mode not in ("RGBA", "LA", "PA", "La", "RGBa") and "transparency" not in image.info:
        return image.convert("RGB")
    seen = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen).convert("RGB")


def _in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    try:
        given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "srgb" in ImageCms.getProfileDescription(given).lower():
            return image
        return ImageCms.profileToProfile(
            image, given, _SRGB, ImageCms.Intent.RELATIVE_COLORIMETRIC, outputMode="RGB"
        )
    except (OSError, ValueError, TypeError, ImageCms.PyCMSError):
        return image
