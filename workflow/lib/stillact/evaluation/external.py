"""External validation: photos of a second dataset, and the predictions of the study's models."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from stillact.core.errors import InputError
from stillact.core.probabilities import stored
from stillact.core.runs import Run

EXTERNAL = "external"  # the split of its predictions


def photos(
    manifest: pd.DataFrame, images: pd.DataFrame, copies: pd.DataFrame
) -> tuple[pd.DataFrame, int]:
    """The photos to evaluate on: available ones that are not part of the study.

    Args:
        manifest: of the dataset: id, label.
        images: of the dataset: id, status, sha256.
        copies: of photos of the study, from `duplicates.between`: image_id_b.

    Returns:
        image_id, label, sha256; and how many photos were excluded because the study has them, or
        copies of them.

    Raises:
        InputError: none is left.
    """
    had = images[images["status"] == "ok"]
    known = had["id"].isin(copies["image_id_b"])
    labels = manifest.set_index("id")["label"]
    table = had.loc[~known, ["id", "sha256"]].reset_index(drop=True)
    table.insert(1, "label", table["id"].map(labels))
    if table.empty:
        raise InputError(
            f"external: all {len(had)} available photos are part of the study; set another manifest"
        )
    return table.rename(columns={"id": "image_id"}), int(known.sum())


def table(
    photos: pd.DataFrame,
    predicted: Iterable[tuple[np.ndarray | None, str]],
    runs: Sequence[Run],
    classes: Sequence[str],
) -> pd.DataFrame:
    """The predictions of a model's runs, in the columns of a predictions table.

    Args:
        photos: from `photos`.
        predicted: from `predict.answers`: the probabilities of each photo, (runs, classes).
        runs: in the order of the probabilities.
        classes: in the order of the probabilities.

    Returns:
        task, model, split (`EXTERNAL`), seed, subset (test), image_id, label, prob_<class>...

    Raises:
        InputError: a photo cannot be read; names it.
    """
    rows = []
    for image, (row, reason) in zip(photos["image_id"], predicted, strict=True):
        if row is None:
            raise InputError(
                f"external: photo {image} cannot be read from the cache: {reason}; fetch it again "
                "(snakemake --forcerun external_fetch)"
            )
        rows.append(row)
    tables = []
    for run, probabilities in zip(runs, np.stack(rows, 1 if len(rows) else 0), strict=True):
        head = photos[["image_id", "label"]].assign(
            task=run.task, model=run.model, split=EXTERNAL, seed=run.seed, subset="test"
        )
        head = head[["task", "model", "split", "seed", "subset", "image_id", "label"]]
        tables.append(head.join(stored(probabilities, classes)))
    return pd.concat(tables, ignore_index=True)
