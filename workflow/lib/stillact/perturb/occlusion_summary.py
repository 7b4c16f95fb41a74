"""Whether a model looks at the person: what covering people costs it, and covering as much else.

Each test photo is judged as it is, with its people covered, and with as many pixels of its
background covered. A model that looks at the person loses by the first and not by the second.
"""

import numpy as np
import pandas as pd

from stillact.evaluation import bootstrap
from stillact.evaluation.predictions import by_model

COVERED = ("nothing", "person", "background")
FILLS = ("mean", "blur")
NONE = "none"  # the fill where nothing is covered

# With their intervals the columns of `judge`'s table; the last one is the cost of covering the
# person beyond that of covering as much background.
VALUES = (*(f"accuracy_{covered}" for covered in COVERED), "difference")
COLUMNS = ["task", "model", "fill", "photos", "without_boxes", "over_half", "runs"]
COLUMNS += [f"{value}{end}" for value in VALUES for end in ("", "_ci_low", "_ci_high")]


def evaluate(predictions: pd.DataFrame) -> pd.DataFrame:
    """What covering the person costs each model, and covering as much background.

    All values of a row are means over the same photos and runs: those of which people cover some,
    and at most half. That of the background is a mean over its draws too. Their 95 % intervals are
    those of `bootstrap.mean`, the difference's over the photos' own differences.

    Args:
        predictions: of `cover.ask`, one task, any number of models and runs.

    Returns:
        A row a model and fill, the models in the order of the table: task, model, fill; photos
        judged, and left out without_boxes (none is seen) and over_half; runs; accuracy_nothing,
        accuracy_person and accuracy_background, with what is covered, 0 to 1; difference,
        accuracy_background - accuracy_person, -1 to 1; with each its _ci_low and _ci_high. No row
        of a model without a photo to judge.
    """
    rows = []
    for model, table in predictions.groupby("model", sort=False):
        photos = table.drop_duplicates("image_id")
        without, over_half = photos["person_share"] == 0, photos["person_share"] > 0.5
        judged = table[table["image_id"].isin(photos.loc[~without & ~over_half, "image_id"])]
        for fill in FILLS if len(judged) else ():
            scores = [_right(judged, covered, fill) for covered in COVERED]
            runs, images = scores[0].shape
            left_out = without.sum(), over_half.sum()
            row = [photos["task"].iloc[0], model, fill, images, *left_out, runs]
            for score in scores:
                row += np.clip(bootstrap.mean(score), 0, 1).tolist()
            _, person, background = scores
            row += np.clip(bootstrap.mean(background - person), -1, 1).tolist()
            rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS)


def _right(table: pd.DataFrame, covered: str, fill: str) -> np.ndarray:
    """How often each run is right on each image with this covered, over the draws: (runs, images).

    Args:
        table: of one model, photos that are judged alone.
    """
    of_it = table[(table["covered"] == covered) & table["fill"].isin([fill, NONE])]
    given = [
        told
        for _, draw in of_it.groupby("draw")
        for told in by_model(draw, scheme="holdout").values()
    ]
    return np.mean([told.predicted == told.labels for told in given], axis=0)
