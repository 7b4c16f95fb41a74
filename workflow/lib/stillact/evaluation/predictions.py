"""The predictions table as arrays: runs by images by classes."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from stillact.core.errors import InputError

FOLD = r"^cv_(?P<repeat>\d+)_(?P<fold>\d+)$"  # split of a cross-validated run
SMALLEST = 5e-9  # probability: the table has 8 decimals, so that a 0 in it may be this large
SAME = 1e-12  # accuracies closer than this differ only by rounding


@dataclass(frozen=True)
class Predictions:
    """The predictions of one model.

    A run here is whatever predicts every image once: a seed on the holdout split; in
    cross-validation all folds of one repeat with one seed, pooled, so that each image is predicted
    by a model that was not trained on it.

    image_ids: (images,) ascending; the same for all models of a table.
    classes: names, in the order of the prob_ columns.
    labels: (images,) indices of `classes`.
    probabilities: (runs, images, classes), float64; NaN where a run does not predict an image.
    """

    image_ids: np.ndarray
    classes: list[str]
    labels: np.ndarray
    probabilities: np.ndarray

    @property
    def judged(self) -> np.ndarray:
        """(runs, images), bool: whether the run predicts the image."""
        return ~np.isnan(self.probabilities[..., 0])

    @property
    def predicted(self) -> np.ndarray:
        """(runs, images): index of the class with the highest probability, the first in case of
        ties; -1 where the run does not predict the image."""
        return np.where(self.judged, self.probabilities.argmax(2), -1)


def by_model(
    predictions: pd.DataFrame, *, scheme: str, subset: str = "test"
) -> dict[str, Predictions]:
    """The predictions of each model that has any, in the order of the table.

    Args:
        predictions: task, model, split, seed, subset, image_id, label, prob_<class>..., of one
            task.
        scheme: "holdout" for that split, "cv" for all splits cv_{repeat}_{fold}.
        subset: validation or test.

    Raises:
        InputError: a run predicts an image twice, as when two folds of a repeat share it; names
            both.
    """
    rows = rows_of(predictions, scheme=scheme, subset=subset)
    columns = [column for column in rows if column.startswith("prob_")]
    classes = [column.removeprefix("prob_") for column in columns]
    labels = rows.drop_duplicates("image_id").set_index("image_id")["label"].sort_index()
    codes = pd.Index(classes).get_indexer(labels)
    models = {}
    for model, table in rows.groupby("model", sort=False):
        _each_image_once(table)
        run = table.groupby(["repeat", "seed"]).ngroup().to_numpy()
        cube = np.full((run.max() + 1, len(labels), len(classes)), np.nan)
        cube[run, labels.index.get_indexer(table["image_id"])] = table[columns]
        models[model] = Predictions(labels.index.to_numpy(), classes, codes, cube)
    return models


def rows_of(predictions: pd.DataFrame, *, scheme: str, subset: str) -> pd.DataFrame:
    """The rows of one scheme ("holdout" or "cv") and subset, with a column `repeat` (0 on the
    holdout split)."""
    rows = predictions[predictions["subset"] == subset]
    if scheme == "holdout":
        return rows[rows["split"] == "holdout"].assign(repeat=0)
    repeat = rows["split"].str.extract(FOLD)["repeat"]
    return rows[repeat.notna()].assign(repeat=repeat.dropna().astype(int))


def _each_image_once(table: pd.DataFrame) -> None:
    again = table[table.duplicated(["repeat", "seed", "image_id"])]
    for row in again.head(1).itertuples():
        raise InputError(
            f"predictions of {row.task}/{row.model}, seed {row.seed}: image {row.image_id!r} is "
            f"predicted twice, the second time in split {row.split!r}; an image belongs to one "
            "fold per repeat, and each run must occur once in the table"
        )
