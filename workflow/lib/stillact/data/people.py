"""The boxes of the people in each photo: those of the manifest, and detected ones."""

from collections.abc import Mapping, Sequence

import pandas as pd

from stillact.data.boxes import Box

COLUMNS = ["id", "person_boxes", "scores", "source"]
GIVEN, DETECTED = "manifest", "detector"

Scored = Sequence[tuple[Box, float]]  # boxes in pixels of the upright photo, scores in [0, 1]


def table(manifest: pd.DataFrame, detected: Mapping[str, Scored] | None = None) -> pd.DataFrame:
    """The boxes of each photo of the manifest.

    Args:
        manifest: of `manifest.load`: id, person_boxes.
        detected: by id, the detected people; where there is an entry, it replaces the manifest's
            boxes.

    Returns:
        id; person_boxes, as in the manifest; scores, of detected boxes, joined by ";"; source:
        `GIVEN`, `DETECTED`, or '' where there are no boxes.
    """
    rows = []
    for row in manifest.itertuples():
        if detected is not None and row.id in detected:
            found = detected[row.id]
            rows.append((row.id, *cells(found), DETECTED if found else ""))
        else:
            rows.append((row.id, row.person_boxes, "", GIVEN if row.person_boxes else ""))
    return pd.DataFrame(rows, columns=COLUMNS)


def cells(found: Scored) -> tuple[str, str]:
    """Boxes and scores as text: "x y width height" in tenths of a pixel, and thousandths."""
    boxes = (f"{b.left:.1f} {b.top:.1f} {b.width:.1f} {b.height:.1f}" for b, _ in found)
    return ";".join(boxes), ";".join(f"{score:.3f}" for _, score in found)
