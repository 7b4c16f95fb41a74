"""Thumbnails of photos, and images as data URIs, for self-contained pages."""

import base64
import io
from pathlib import Path

from stillact.data.pixels import stored, upright

# Of a thumbnail: the longer side in pixels, and the quality of WebP, which at this size takes as
# many bytes as a JPEG of two thirds of it.
SIDE, QUALITY = 256, 60


def thumbnail(path: Path, side: int = SIDE) -> str:
    """A photo upright, uncropped and undistorted, its longer side at most `side` pixels, as a data
    URI."""
    with stored(path) as image:
        image.draft("RGB", (2 * side, 2 * side))  # decodes large JPEGs at reduced scale
        small = upright(image)
    small.thumbnail((side, side))
    webp = io.BytesIO()
    small.save(webp, "WEBP", quality=QUALITY)
    return data_uri("webp", webp.getvalue())


def data_uri(kind: str, content: bytes) -> str:
    """An image as a data URI; `kind` is its MIME subtype, as in image/png."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
