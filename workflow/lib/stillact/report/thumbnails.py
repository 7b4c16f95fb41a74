"""Thumbnails of photos, and images as data URIs, for self-contained pages."""

import base64
import io
from pathlib import Path

from PIL import Image

from stillact.data.preprocess import upright

SIDE, QUALITY = 160, 70  # of a thumbnail: longer side in pixels, and JPEG's


def thumbnail(path: Path) -> str:
    """A photo upright, uncropped and undistorted, its longer side `SIDE` pixels, as a data URI."""
    with Image.open(path) as image:
        image.draft("RGB", (2 * SIDE, 2 * SIDE))  # decodes large JPEGs at reduced scale
        small = upright(image)
    small.thumbnail((SIDE, SIDE))
    jpeg = io.BytesIO()
    small.save(jpeg, "JPEG", quality=QUALITY, optimize=True)
    return data_uri("jpeg", jpeg.getvalue())


def data_uri(kind: str, content: bytes) -> str:
    """An image as a data URI; `kind` is its MIME subtype, as in image/png."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
