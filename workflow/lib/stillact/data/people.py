"""The boxes of the people in each photo: those of the manifest, and detected ones."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from stillact.core.tables import read_csv
from stillact.data.boxes import Box
from stillact.data.manifest import parse_boxes

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


def of_files(names: pd.Series, detected: Iterable[Scored]) -> pd.DataFrame:
    """The detected people of photos outside the study: their name (path or url), person_boxes and
    scores, as in `table`."""
    rows = [(name, *cells(found)) for name, found in zip(names, detected, strict=True)]
    return pd.DataFrame(rows, columns=[names.name, "person_boxes", "scores"])


def boxes_of(path: str | Path) -> dict[str, list[Box]]:
    """The boxes of the people in each photo, by the first column of a table of `table` or
    `of_files`."""
    rows = read_csv(path)
    return dict(zip(rows.iloc[:, 0], rows["person_boxes"].map(parse_boxes), strict=True))


def cells(found: Scored) -> tuple[str, str]:
    """Boxes and scores as text: "x y width height" in tenths of a pixel, at least one, and
    thousandths."""
    sized = [(b.left, b.top, max(b.width, 0.1), max(b.height, 0.1)) for b, _ in found]
    boxes = (" ".join(f"{number:.1f}" for number in box) for box in sized)
    return ";".join(boxes), ";".join(f"{score:.3f}" for _, score in found)
