"""Combination of the predictions of several models into one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stillact.config.training import LinearProbe
from stillact.core.probabilities import prob_columns
from stillact.core.runs import SMALLEST

KEYS = ["subset", "image_id", "label"]


@dataclass(frozen=True)
class Vote:
    """A linear layer on the logarithms of the members' probabilities; its softmax is the combined
    prediction.

    weight: float64 (classes, members * classes). bias: float64 (classes,).
    history: rows of history.csv.
    chosen: values selected on out-of-fold predictions, by name.
    """

    weight: np.ndarray
    bias: np.ndarray
    history: list[dict[str, float]]
    chosen: dict[str, float]

    def probabilities(self, members: np.ndarray) -> np.ndarray:
        """The combined probabilities, float64 (photos, classes).

        Args:
            members: probabilities of the members, (photos, members, classes).
        """
        logits = logarithms(members) @ self.weight.T + self.bias
        powers = np.exp(logits - logits.max(1, keepdims=True))
        return powers / powers.sum(1, keepdims=True)


def logarithms(members: np.ndarray) -> np.ndarray:
    """The logarithms of probabilities (photos, members, classes), side by side: float64 (photos,
    members * classes)."""
    return np.log(np.clip(members, SMALLEST, 1)).reshape(len(members), -1)


def mean(members: int, classes: int) -> Vote:
    """The geometric mean of the members' probabilities, scaled to a sum of 1."""
    weight = np.tile(np.eye(classes), members) / members
    return Vote(weight, np.zeros(classes), [], {})


def stack(members: np.ndarray, labels: np.ndarray, settings: LinearProbe) -> Vote:
    """A multinomial logistic regression on the logarithms of the members' probabilities (stacked
    generalisation, Wolpert 1992), fitted by `probe.fit`.

    Args:
        members: out-of-fold probabilities, (photos, members, classes): each of a model that was not
            trained on the photo.
        labels: int (photos,), 0 to classes - 1, all present.
        settings: candidate penalties, inner folds.
    """
    from stillact.models import probe  # scikit-learn, which the mean does not need

    found = probe.fit(logarithms(members), labels, members.shape[2], settings)
    return Vote(found.weight, found.bias, found.search.to_dict("records"), {"c": found.c})


def joined(tables: Sequence[pd.DataFrame], keys: Sequence[str] = KEYS) -> pd.DataFrame:
    """The keys of the members' predictions, which must be of the same photos; in the order of the
    first table."""
    first = tables[0][list(keys)].reset_index(drop=True)
    for table in tables[1:]:
        if len(table) != len(first) or len(first.merge(table[list(keys)])) != len(first):
            raise ValueError("the predictions of the members are of different photos")
    return first


def probabilities(
    tables: Sequence[pd.DataFrame], classes: Sequence[str], keys: Sequence[str] = KEYS
) -> tuple[pd.DataFrame, np.ndarray]:
    """The predictions of several models for the same photos.

    Args:
        tables: one per member: `keys` and prob_<class>.
        classes: in the order of the result.
        keys: columns that identify a prediction.

    Returns:
        The keys, in the order of the first table; and the probabilities, float64 (photos, members,
        classes).
    """
    first = joined(tables, keys)
    columns = prob_columns(classes)
    aligned = [first.merge(table, on=list(keys), how="left")[columns] for table in tables]
    return first, np.stack([table.to_numpy(float) for table in aligned], 1)


def of_run(
    combine: str,
    classes: Sequence[str],
    out_of_fold: Mapping[str, pd.DataFrame] | None,
    tested: set[str],
    settings: LinearProbe,
    members: int,
) -> Vote:
    """The vote of a run.

    Args:
        combine: "mean" or "stack".
        classes: of the task.
        out_of_fold: of each member its out-of-fold predictions for all photos: image_id, label,
            prob_<class>; needed by a stack.
        tested: ids of the run's test photos, whose labels a stack does not see.
        settings: of a stack.
        members: number of members.
    """
    if combine == "mean" or out_of_fold is None:
        return mean(members, len(classes))
    rows, found = probabilities(list(out_of_fold.values()), classes, ["image_id", "label"])
    known = ~rows["image_id"].isin(tested).to_numpy()
    labels = pd.Index(classes).get_indexer(rows["label"])
    return stack(found[known], labels[known], settings)
