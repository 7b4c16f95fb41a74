"""Whether the person boxes of a manifest fit its photos."""

import numpy as np
import pandas as pd

from stillact.core.errors import InputError
from stillact.core.logs import logger
from stillact.data.manifest import parse_boxes

FEW = 0.05  # share of the boxes that may lie beyond their photo, by mistakes of annotation
SHOWN = 5  # boxes named in a message


def check(manifest: pd.DataFrame, images: pd.DataFrame) -> None:
    """Check all boxes together against the sizes of their photos, in pixels.

    A single box beyond its photo, by more than a pixel, is a warning, and is clipped where it is
    used.

    Args:
        manifest: columns id and person_boxes.
        images: images.csv, in the same order; rows without a photo are skipped.

    Raises:
        InputError: the boxes are fractions of the photo, corners (x1 y1 x2 y2), or of photos of
            another size; names what to do.
    """
    rows = [
        (image, width, height, box.left, box.top, box.width, box.height)
        for image, text, width, height in zip(
            manifest["id"], manifest["person_boxes"], images["width"], images["height"], strict=True
        )
        if not pd.isna(width)
        for box in parse_boxes(text)
    ]
    if not rows:
        return
    ids = np.array([row[0] for row in rows])
    width, height, x, y, w, h = np.array([row[1:] for row in rows], float).T
    beyond = (x + w > width + 1) | (y + h > height + 1) | (x < -1) | (y < -1)
    rule = "write x y width height, in pixels of the upright photo"
    if ((x + w <= 1.01) & (y + h <= 1.01)).mean() > 0.5:
        raise InputError(
            f"person_boxes: the boxes look like fractions of the photo, 0 to 1, as of {ids[0]}: "
            f"{x[0]:g} {y[0]:g} {w[0]:g} {h[0]:g}; multiply by its width and height: {rule}"
        )
    if beyond.mean() <= FEW:
        if beyond.any():
            logger.warning(
                "%d of %d person boxes lie beyond their photo and are clipped: %s",
                *(beyond.sum(), len(rows), ", ".join(ids[beyond][:SHOWN])),
            )
        return
    one = int(beyond.argmax())
    text = (
        f"person_boxes: {beyond.sum()} of {len(rows)} boxes lie beyond their photo, as of "
        f"{ids[one]} ({width[one]:g} x {height[one]:g} pixels): "
        f"{x[one]:g} {y[one]:g} {w[one]:g} {h[one]:g}. "
    )
    corners = (w > x) & (h > y) & (w <= width + 1) & (h <= height + 1)
    if corners.all():
        raise InputError(f"{text}They look like corners, x1 y1 x2 y2; {rule}")
    raise InputError(f"{text}They look like boxes of photos of another size; {rule}")
