"""The predictions table as arrays: runs by images by classes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stillact.core.errors import InputError
from stillact.core.probabilities import classes_of, prob_columns
from stillact.core.runs import FOLD

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
    groups: (images,) integers, the same for images that belong together (a group of the manifest,
        or near-duplicates), which are not independent observations; None: each image is alone.
    """

    image_ids: np.ndarray
    classes: list[str]
    labels: np.ndarray
    probabilities: np.ndarray
    groups: np.ndarray | None = None

    @property
    def judged(self) -> np.ndarray:
        """(runs, images), bool: whether the run predicts the image."""
        return ~np.isnan(self.probabilities[..., 0])

    @property
    def predicted(self) -> np.ndarray:
        """(runs, images): index of the class with the highest probability, the first in case of
        ties; -1 where the run does not predict the image."""
        return np.where(self.judged, self.probabilities.argmax(2), -1)

    @property
    def shares(self) -> np.ndarray:
        """(images, classes) the share of an image's runs that predict each class; NaN without a
        run."""
        counts = (self.predicted[..., None] == np.arange(len(self.classes))).sum(0)
        runs = self.judged.sum(0)[:, None]
        return np.where(runs > 0, counts / np.maximum(runs, 1), np.nan)

    @property
    def right(self) -> np.ndarray:
        """(images,) the share of an image's runs that predict its class; NaN without a run.

        Its mean over images is the accuracy of a single run, not that of a vote of several.
        """
        return self.shares[np.arange(len(self.labels)), self.labels]

    @property
    def clusters(self) -> np.ndarray:
        """`groups` as codes from 0; without groups, one per image."""
        if self.groups is None:
            return np.arange(len(self.labels))
        return np.unique(self.groups, return_inverse=True)[1]


def with_groups(predictions: pd.DataFrame, split: pd.DataFrame) -> pd.DataFrame:
    """The predictions with a column `group` after `image_id`, from a table of a split."""
    groups = split.drop_duplicates("image_id").set_index("image_id")["group"]
    table = predictions.copy()
    table.insert(table.columns.get_loc("image_id") + 1, "group", table["image_id"].map(groups))
    return table


def of_models(tables: Iterable[pd.DataFrame], models: Sequence[str]) -> pd.DataFrame:
    """The rows of some models, in their order, of tables that have others too."""
    found = pd.concat(tables, ignore_index=True)
    return pd.concat([found[found["model"] == model] for model in models], ignore_index=True)


def by_model(
    predictions: pd.DataFrame, *, scheme: str, subset: str = "test"
) -> dict[str, Predictions]:
    """The predictions of each model that has any, in the order of the table.

    Args:
        predictions: task, model, split, seed, subset, image_id, label, prob_<class>..., of one
            task; and, where images belong together, group.
        scheme: "holdout" for that split, "cv" for all splits cv_{repeat}_{fold}.
        subset: validation or test.

    Raises:
        InputError: a run predicts an image twice, as when two folds of a repeat share it; names
            both.
    """
    rows = rows_of(predictions, scheme=scheme, subset=subset)
    classes = classes_of(rows)
    images = rows.drop_duplicates("image_id").set_index("image_id").sort_index()
    codes = pd.Index(classes).get_indexer(images["label"])
    groups = pd.factorize(images["group"])[0] if "group" in rows else None
    models = {}
    for model, table in rows.groupby("model", sort=False):
        _each_image_once(table)
        run = table.groupby(["repeat", "seed"]).ngroup().to_numpy()
        cube = np.full((run.max() + 1, len(images), len(classes)), np.nan)
        cube[run, images.index.get_indexer(table["image_id"])] = table[prob_columns(classes)]
        models[model] = Predictions(images.index.to_numpy(), classes, codes, cube, groups)
    return models


def rows_of(predictions: pd.DataFrame, *, scheme: str, subset: str) -> pd.DataFrame:
    """The rows of one scheme ("holdout" or "cv") and subset, with a column `repeat` (0 on the
    holdout split)."""
    rows = predictions[predictions["subset"] == subset]
    if scheme == "holdout":
        return rows[rows["split"] == "holdout"].assign(repeat=0)
    repeat = rows["split"].str.extract(f"^{FOLD}$")["repeat"]
    return rows[repeat.notna()].assign(repeat=repeat.dropna().astype(int))


def _each_image_once(table: pd.DataFrame) -> None:
    again = table[table.duplicated(["repeat", "seed", "image_id"])]
    for row in again.head(1).itertuples():
        raise InputError(
            f"predictions of {row.task}/{row.model}, seed {row.seed}: image {row.image_id!r} is "
            f"predicted twice, the second time in split {row.split!r}; an image belongs to one "
            "fold per repeat, and each run must occur once in the table"
        )
