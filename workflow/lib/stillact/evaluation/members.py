"""What each member brings to an ensemble: its accuracy without that member."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from stillact.evaluation import bootstrap
from stillact.evaluation.predictions import Predictions, by_model
from stillact.recipes.ensemble import vote

COLUMNS = ["model", "without", "photos", "runs", "accuracy", "difference", "ci_low", "ci_high"]


def left_out(predictions: pd.DataFrame, ensembles: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """The accuracy of each ensemble, and that of the geometric mean of all its members but one.

    Args:
        predictions: table of a task.
        ensembles: the members of each ensemble that takes the geometric mean.

    Returns:
        model; without, the member left out, '' for the whole ensemble; photos; runs; accuracy,
        0 to 1, out-of-fold where the ensemble is cross-validated, else on the test photos of the
        holdout; difference, the accuracy of the whole ensemble minus this one, with its 95 %
        interval (`bootstrap.mean` of the paired differences, photos of one group drawn together).
    """
    rows = []
    for model, members in ensembles.items():
        folded = by_model(predictions[predictions["model"].isin(members)], scheme="cv")
        given = folded if set(members) <= set(folded) else None
        given = given or by_model(predictions[predictions["model"].isin(members)], scheme="holdout")
        runs = min(len(given[name].probabilities) for name in members)
        whole = _right([given[name] for name in members], runs)
        clusters = given[members[0]].clusters
        rows.append((model, "", len(clusters), runs, whole.mean(), *[np.nan] * 3))
        for member in members:
            others = [given[name] for name in members if name != member]
            right = _right(others, runs)
            gain = bootstrap.mean(whole - right, clusters)
            rows.append((model, member, len(clusters), runs, right.mean(), *gain))
    return pd.DataFrame(rows, columns=COLUMNS)


def _right(members: Sequence[Predictions], runs: int) -> np.ndarray:
    """Whether the geometric mean of the members is right, 0 or 1, (runs, photos)."""
    first = members[0]
    combine = vote.mean(len(members), len(first.classes))
    found = [
        combine.probabilities(np.stack([one.probabilities[run] for one in members], 1))
        for run in range(runs)
    ]
    return (np.stack(found).argmax(2) == first.labels).astype(float)
