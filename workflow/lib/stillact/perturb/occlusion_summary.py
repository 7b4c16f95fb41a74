"""Occlusion sensitivity: accuracy with people covered and with an equal area of background covered.

Each test photo is predicted unmodified, with its people covered, and with as many pixels of its
background covered. A model that relies on the person loses accuracy in the first case and not in
the second.
"""

import numpy as np
import pandas as pd

from stillact.evaluation import bootstrap
from stillact.evaluation.predictions import Predictions, by_model

COVERED = ("nothing", "person", "background")
FILLS = ("mean", "blur")
NONE = "none"  # the fill where nothing is covered

# With their intervals, the columns of the table of `evaluate`; the last one is the drop in accuracy
# from covering the person beyond that from covering as much background.
VALUES = (*(f"accuracy_{covered}" for covered in COVERED), "difference")
COLUMNS = ["task", "model", "fill", "photos", "without_boxes", "over_half", "runs"]
COLUMNS += [f"{value}{end}" for value in VALUES for end in ("", "_ci_low", "_ci_high")]


def evaluate(predictions: pd.DataFrame) -> pd.DataFrame:
    """Accuracy of each model with the person covered and with as much background covered.

    All values of a row are means over the same photos and runs: photos of which people cover a
    part, and at most half. The background's is also a mean over its masks. 95 % intervals are those
    of `bootstrap.mean`, photos of one group drawn together; that of the difference is over the
    differences per photo.

    Args:
        predictions: from `occlusion.ask`, one task, any number of models and runs.

    Returns:
        One row per model and fill, the models in the order of the table: task, model, fill; photos
        evaluated, and excluded without_boxes (none is visible) and over_half; runs;
        accuracy_nothing, accuracy_person and accuracy_background, by covered region, 0 to 1;
        difference, accuracy_background - accuracy_person, -1 to 1; each with its _ci_low and
        _ci_high. No row for a model without photos.
    """
    rows = []
    for model, table in predictions.groupby("model", sort=False):
        photos = table.drop_duplicates("image_id")
        without, over_half = photos["person_share"] == 0, photos["person_share"] > 0.5
        used = table[table["image_id"].isin(photos.loc[~without & ~over_half, "image_id"])]
        for fill in FILLS if len(used) else ():
            given = [_predictions(used, covered, fill) for covered in COVERED]
            scores, clusters = [_right(draws) for draws in given], given[0][0].clusters
            runs, images = scores[0].shape
            left_out = without.sum(), over_half.sum()
            row = [photos["task"].iloc[0], model, fill, images, *left_out, runs]
            for score in scores:
                row += np.clip(bootstrap.mean(score, clusters), 0, 1).tolist()
            _, person, background = scores
            row += np.clip(bootstrap.mean(background - person, clusters), -1, 1).tolist()
            rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS)


def _right(draws: list[Predictions]) -> np.ndarray:
    """Accuracy of each run on each image, over the masks: (runs, images)."""
    return np.mean([one.predicted == one.labels for one in draws], axis=0)


def _predictions(table: pd.DataFrame, covered: str, fill: str) -> list[Predictions]:
    """The predictions with this region covered, one per draw of the masks.

    Args:
        table: of one model, only photos that are evaluated.
    """
    of_it = table[(table["covered"] == covered) & table["fill"].isin([fill, NONE])]
    return [
        predictions
        for _, draw in of_it.groupby("draw")
        for predictions in by_model(draw, scheme="holdout").values()
    ]
