"""Predictions of runs on changed versions of the test photos."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from stillact.core.probabilities import stored
from stillact.core.runs import Run
from stillact.training.trained import Trained, of_runs


@dataclass(frozen=True)
class Version:
    """Photos changed in one way.

    change: columns that name it, such as the corruption and its severity.
    rows: indices of the photos in their table.
    pixels: uint8, shape (rows, 3 * views, size, size), RGB.
    """

    change: Mapping[str, str | int]
    rows: np.ndarray
    pixels: torch.Tensor


def ask(
    runs: Mapping[Run, Trained],
    version: Version,
    photos: pd.DataFrame,
    columns: Sequence[str],
    classes: Sequence[str],
) -> pd.DataFrame:
    """Predictions of runs on a version of the photos.

    Args:
        runs: trained runs, as for `trained.of_runs`.
        version: of the photos.
        photos: the photos, with `columns`.
        columns: to keep.
        classes: labels in the order of the probabilities.

    Returns:
        task, model, split, seed, `columns`, those of `version.change` and prob_<class>..., one row
        per run and photo.
    """
    tables = []
    for run, predicted in zip(runs, of_runs([*runs.values()], version.pixels), strict=True):
        table = photos[list(columns)].iloc[version.rows].reset_index(drop=True)
        table = table.assign(**vars(run))[[*vars(run), *columns]].assign(**version.change)
        tables.append(table.join(stored(predicted, classes)))
    return pd.concat(tables, ignore_index=True)
