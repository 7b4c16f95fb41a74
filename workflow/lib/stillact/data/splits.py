"""Stratified, grouped holdout and k-fold splits.

Photos of one group (a group of the manifest, or duplicates of each other) are never on both sides
of a split. Under this constraint, every part of a split gets its share of every class, to within
one photo if no photos are grouped. The assignment depends only on the seed and the image ids, not
on the order of the rows.
"""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.optimize import linprog
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from stillact.config.data import Splits
from stillact.core.errors import InputError
from stillact.core.logs import logger
from stillact.core.runs import SUBSETS

LARGE = 3  # photos: a warning names a group of more, and of more than a tenth of all
SHOWN = 10  # pairs named in a warning
LEAVE_OUT = "add images of it, or remove it from dataset.classes and the tasks"
TOO_FEW_GROUPS = (
    "images of one group (the manifest's, or duplicates) stay together, and there are too few "
    "groups of this class; add images of it, or lower duplicates.max_distance if they are no copies"
)
LOWER_FOLDS = ", or lower splits.kfold.folds"


def groups(image_ids: list[str], duplicates: pd.DataFrame, given: list[str]) -> list[str]:
    """The group of each image: connected components of the manifest's groups and the duplicates.

    Args:
        image_ids: (N,) unique ids.
        duplicates: of `duplicates.find`: image_id_a, image_id_b and group, which also connects
            photos when the one between them is not in `image_ids` (a dropped photo).
        given: (N,) groups of the manifest, '' for none.

    Returns:
        (N,) group names: the smallest image id of the group.
    """
    ids = pd.Series(image_ids)
    of = {}
    for side in "ab":
        of |= dict(zip(duplicates[f"image_id_{side}"], duplicates["group"], strict=True))
    copies = [of.get(image, "") for image in image_ids]
    linked = [_first_of_group(pd.Series(names)) for names in (given, copies)]
    a = np.tile(np.arange(len(ids)), len(linked))
    graph = coo_array((np.ones(len(a)), (a, np.concatenate(linked))), shape=(len(ids), len(ids)))
    _, component = connected_components(graph, directed=False)
    names = ids.groupby(component).transform("min")
    largest = names.value_counts()
    if largest.iloc[0] > max(LARGE, len(ids) // 10):
        logger.warning(
            "%d of %d photos are one group, as %s: they stay on one side of every split. Check the "
            "manifest's column group, or lower duplicates.max_distance if they are not copies",
            *(largest.iloc[0], len(ids), largest.index[0]),
        )
    return names.tolist()


def _first_of_group(names: pd.Series) -> np.ndarray:
    """For each row the first with the same name; the row itself, if it has no name."""
    rows = pd.Series(range(len(names)))
    first = rows.groupby(names.to_numpy()).transform("first")
    return first.where(names != "", rows).to_numpy(int)


def tables(
    manifest: pd.DataFrame,
    task_classes: list[str],
    group: list[str],
    settings: Splits,
    manifest_sha256: str,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The holdout table and the k-fold table of one task.

    The holdout is drawn over all classes of the dataset and then restricted to the task's, so that
    an image is in the same subset in every task; the folds are drawn over the task's images only.
    Test photos of a split that the manifest gives are in no fold: they may differ from the others
    (another camera), and no model is trained on them.

    Args:
        manifest: columns id, label and split ('' throughout, a subset in every row, or '' and
            test).
        task_classes: labels of the task.
        group: group of each row of `manifest`, from `groups`.
        settings: seed, fractions and folds.
        manifest_sha256: hash written in every row.

    Returns:
        holdout (image_id, label, group, subset, manifest_sha256) and kfold (image_id, label, group,
        repeat, fold, manifest_sha256; repeat and fold from 0, an image is in the test set of its
        fold).

    Raises:
        InputError: as for `check_counts`, `holdout` and `kfold`.
    """
    rows = pd.DataFrame(
        {
            "image_id": manifest["id"].to_numpy(),
            "label": manifest["label"].to_numpy(),
            "group": group,
            "given": manifest["split"].to_numpy(),
        }
    )
    rows["subset"] = holdout(rows, settings)
    rows["manifest_sha256"] = manifest_sha256
    check_counts(manifest, task_classes, settings)
    rows = rows[rows.label.isin(task_classes)].reset_index(drop=True)
    own_test = rows.given == "test"
    if own_test.any():
        logger.info(
            "cross-validation leaves out the %d test photos of the manifest's column split",
            own_test.sum(),
        )
    folds = kfold(rows[~own_test], settings).merge(rows, on="image_id")
    return (
        rows[["image_id", "label", "group", "subset", "manifest_sha256"]],
        folds[["image_id", "label", "group", "repeat", "fold", "manifest_sha256"]],
    )


def check_counts(manifest: pd.DataFrame, task_classes: Sequence[str], settings: Splits) -> None:
    """Check that each class has enough photos, before any is fetched.

    Args:
        manifest: columns label and split, as for `tables`.
        task_classes: labels of a task.
        settings: folds.

    Raises:
        InputError: a class has fewer photos than subsets or folds; names it, and what would do.
    """
    rows = manifest[manifest["label"].isin(task_classes)]
    drawn = rows[rows["split"] == ""]
    if len(drawn) or rows.empty:
        subsets = len(SUBSETS) if len(drawn) == len(rows) else len(SUBSETS) - 1
        _enough(drawn, subsets, "the holdout split", LEAVE_OUT, task_classes)
    folds = settings.kfold.folds
    rows = rows[rows["split"] != "test"]
    _enough(rows, folds, f"splits.kfold.folds: {folds}", LEAVE_OUT + LOWER_FOLDS, task_classes)


def holdout(rows: pd.DataFrame, settings: Splits) -> list[str]:
    """The subset of each row: train, validation or test.

    A split given by the manifest is used unchanged; if it has only test photos, train and
    validation are drawn from the others, in the ratio of their fractions. Otherwise validation and
    test take their fraction of the rows, rounded up (as in scikit-learn's train_test_split), but at
    least one row per class; train takes the rest.

    Args:
        rows: columns image_id, label, group and given ('' or a subset).
        settings: seed and fractions.

    Raises:
        InputError: a class has fewer than 3 images, or none in some subset.
    """
    subset, fractions = rows.given.copy(), settings.fractions
    drawn = subset == ""
    if drawn.all():
        subset[:] = _drawn(rows, SUBSETS, [fractions.validation, fractions.test], settings.seed)
        return subset.tolist()
    if drawn.any():
        share = fractions.validation / (fractions.train + fractions.validation)
        subset[drawn] = _drawn(rows[drawn], SUBSETS[:2], [share], settings.seed)
    return _given(rows.assign(given=subset))


def _drawn(
    rows: pd.DataFrame, subsets: Sequence[str], fractions: Sequence[float], seed: int
) -> list[str]:
    """The subset of each row, drawn; `fractions` of all subsets but the first, train."""
    _enough(rows, len(subsets), "the holdout split", LEAVE_OUT)
    classes = rows.label.nunique()
    held_out = [max(math.ceil(round(one * len(rows), 6)), classes) for one in fractions]
    train = len(rows) - sum(held_out)
    if train < classes:
        raise InputError(
            f"splits.fractions leave {train} of {len(rows)} images for training, fewer than the "
            f"{classes} classes; raise splits.fractions.train, or add images"
        )
    rng = np.random.default_rng(seed)
    parts = _assign(rows, np.array([train, *held_out]), rng)
    subset = pd.Series(subsets)[parts].tolist()
    _every_class_everywhere(rows.assign(part=subset), subsets, "subset", TOO_FEW_GROUPS)
    return subset


def kfold(rows: pd.DataFrame, settings: Splits) -> pd.DataFrame:
    """The fold of each row in each repeat: columns repeat, fold (from 0) and image_id.

    In each repeat every row is in one fold; fold sizes differ by at most one row if no rows are
    grouped.

    Args:
        rows: columns image_id, label and group, after `check_counts`.
        settings: seed, folds and repeats.

    Raises:
        InputError: a class has fewer groups than there are folds.
    """
    folds = settings.kfold.folds
    sizes = len(rows) // folds + (np.arange(folds) < len(rows) % folds)
    repeats = []
    for repeat in range(settings.kfold.repeats):
        fold = _assign(rows, sizes, np.random.default_rng([settings.seed, repeat]))
        _every_class_everywhere(
            rows.assign(part=fold), range(folds), "fold", TOO_FEW_GROUPS + LOWER_FOLDS
        )
        repeats.append(pd.DataFrame({"image_id": rows.image_id, "repeat": repeat, "fold": fold}))
    return pd.concat(repeats, ignore_index=True)


def _assign(rows: pd.DataFrame, sizes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The part (0 to P - 1) of each row, stratified by label, groups not divided.

    First every part gets one group of every class, the smallest available. Then groups are assigned
    in turn, the largest first, to the part that is furthest below the quotas of their classes.
    Ungrouped images come last and fill the quotas exactly.

    Args:
        rows: columns image_id, label and group.
        sizes: (P,) target number of rows per part.
        rng: shuffles groups of equal size.
    """
    counts = pd.crosstab(rows.group, rows.label)  # sorted by name: independent of row order
    counts = counts.iloc[rng.permutation(len(counts))]
    members = counts.to_numpy()
    by_size = np.argsort(members.sum(1), kind="stable")
    short = _quotas(members.sum(0), sizes)  # (classes, parts)
    part_of = np.full(len(members), -1)

    def put(group: int, part: int) -> None:
        part_of[group] = part
        short[:, part] -= members[group]

    for label in np.argsort((members > 0).sum(0), kind="stable"):  # the rarest class first
        smallest = by_size[members[by_size, label] > 0]
        for part in np.setdiff1d(range(len(sizes)), part_of[smallest]):
            free = smallest[part_of[smallest] < 0]
            if len(free):
                put(free[0], part)
    for group in by_size[::-1]:
        if part_of[group] < 0:
            put(group, np.argmax(members[group] @ short))
    return part_of[counts.index.get_indexer(rows.group)]


def _quotas(counts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Integer numbers of images per class and part, with sums `counts` and `sizes`.

    Each is the proportional share rounded up or down (controlled rounding of a table, which always
    exists), but at least one; if small classes make this infeasible, other cells deviate.

    They solve a linear program with the matrix of a transport problem, whose vertices are
    integers. A share is `base + up - under + over`, where `up` is the step to the rounded-up
    share; further steps cost more than any sum of roundings can save.

    Args:
        counts: (C,) images per class.
        sizes: (P,) images per part, with the same sum; at least C each, as counts are at least P.
    """
    share = np.outer(counts, sizes) / counts.sum()
    base = np.maximum(np.floor(share + 1e-9), 1)
    gap = np.clip(share - base, 0, None)
    beyond = np.full(share.size, 4.0 * len(sizes))
    cost = np.concatenate([(1 - 2 * gap).ravel(), beyond, beyond])
    limits = np.concatenate([(gap > 1e-9).ravel(), (base - 1).ravel(), np.full(share.size, np.inf)])

    of_class = np.kron(np.eye(len(counts)), np.ones(len(sizes)))
    of_part = np.kron(np.ones(len(counts)), np.eye(len(sizes)))
    sums = np.vstack([of_class, of_part])
    wanted = np.concatenate([counts - base.sum(1), sizes - base.sum(0)])
    steps = linprog(
        cost,
        A_eq=np.hstack([sums, -sums, sums]),
        b_eq=wanted,
        bounds=np.column_stack([np.zeros(len(limits)), limits]),
        method="highs-ds",
    ).x.reshape(3, *share.shape)
    return np.rint(base + steps[0] - steps[1] + steps[2]).astype(int)


def _given(rows: pd.DataFrame) -> list[str]:
    """The manifest's own split, after validation."""
    _every_class_everywhere(
        rows.assign(part=rows.given), SUBSETS, "subset", "correct the manifest's column split"
    )
    pairs = []
    for _, members in rows[rows.groupby("group").given.transform("nunique") > 1].groupby("group"):
        one = members.iloc[0]
        pairs += [
            f"{one.image_id} ({one.given}) and {other.image_id} ({other.given})"
            for other in members[members.given != one.given].itertuples()
        ]
    if pairs:
        more = f", and {len(pairs) - SHOWN} more" if len(pairs) > SHOWN else ""
        logger.warning(
            "the manifest's split separates images of one group: %s%s; results on them are "
            "optimistic",
            "; ".join(pairs[:SHOWN]),
            more,
        )
    return rows.given.tolist()


def _enough(
    rows: pd.DataFrame, need: int, what: str, remedy: str, classes: Sequence[str] = ()
) -> None:
    counts = rows.label.value_counts().sort_index()
    absent = [name for name in classes if name not in counts]
    for label, count in [*dict.fromkeys(absent, 0).items(), *counts.items()]:
        if count < need:
            raise InputError(
                f"class {label!r} has {count} images, and {what} needs {need}; {remedy}"
            )


def _every_class_everywhere(rows: pd.DataFrame, parts: Sequence, where: str, remedy: str) -> None:
    """Raise an InputError if a class is missing from a part (column `part`)."""
    for label, held in rows.groupby("label").part.agg(set).items():
        for part in parts:
            if part not in held:
                raise InputError(f"class {label!r} has no image in {where} {part}; {remedy}")
