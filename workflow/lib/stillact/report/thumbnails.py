"""Thumbnails of photos, and figures, as data URIs for self-contained pages."""

import base64
import io
from pathlib import Path

from PIL import Image

from stillact.data.pixels import stored, upright

# Of a thumbnail: the longer side in pixels, and the quality of WebP, which at this size takes two
# thirds of the bytes of a JPEG that looks as good.
SIDE, QUALITY = 256, 60
FIGURE_QUALITY = 90  # of WebP, at which letters have no halo
FIGURES = {".svg": "svg+xml", ".png": "png"}  # MIME subtype, by suffix


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


def figure(path: Path) -> str:
    """A figure, PNG or SVG, as a data URI. One with photos takes a sixth of its bytes as WebP."""
    kind, content = FIGURES[path.suffix], path.read_bytes()
    if kind == "png":
        webp = io.BytesIO()
        with Image.open(path) as image:
            image.save(webp, "WEBP", quality=FIGURE_QUALITY)
        kind, content = min((kind, content), ("webp", webp.getvalue()), key=lambda one: len(one[1]))
    return data_uri(kind, content)


def data_uri(kind: str, content: bytes) -> str:
    """An image as a data URI; `kind` is its MIME subtype, as in image/png."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
