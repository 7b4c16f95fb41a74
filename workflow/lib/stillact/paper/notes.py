"""Notes on the paper's own figures: what follows from the values that it reports."""

import math
from itertools import product

import numpy as np
import pandas as pd
import pingouin
from scipy import stats

from stillact.core.text_tables import listed, percent
from stillact.evaluation.proportions import wilson
from stillact.paper.reported import CLASSES, DIGITS, LARGEST_CLASS, RUNS, F, T

SINGLE = (4, 5, 6)  # tables with all metrics of single runs on test photos
ROUNDED = 0.5 * 10**-DIGITS * 1.2  # half a digit, and the rounding of this arithmetic


def on(figures: pd.DataFrame) -> list[str]:
    """The notes, one sentence or a few each.

    Args:
        figures: paper_results.csv.
    """
    test = figures[(figures["subset"] == "test") & figures["accuracy"].notna()]
    notes = [_on_runs(figures), _on_classes(test), _on_baseline(test), _on_photos(test)]
    return [*notes, _on_augmentations(figures), _on_f(), _on_t()]


def correct(accuracy: float, photos: int, runs: int = 1) -> int | None:
    """The number of correct predictions of which an accuracy is the share, or None if no number
    gives the reported digits."""
    count = round(accuracy * photos * runs)
    digits = len(f"{accuracy:g}") - 2
    return count if round(count / (photos * runs), digits) == accuracy else None


def class_sizes(rows: pd.DataFrame, photos: int, classes: int) -> list[tuple[int, ...]]:
    """The numbers of photos per class, the largest first, for which every row is possible: a
    confusion matrix of one run has its accuracy, and macro precision, recall and F1.

    Args:
        rows: accuracy, precision, recall, f1, as reported.
        photos, classes: their numbers; every class has a photo.
    """
    ways = _divisions(photos, classes)
    sizes = ways[(ways > 0).all(axis=1) & (np.diff(ways) <= 0).all(axis=1)]
    return [
        tuple(map(int, size))
        for size in sizes
        if all(_possible(row, size, ways) for row in rows.itertuples())
    ]


def _divisions(photos: int, classes: int) -> np.ndarray:
    """All ways to divide photos among the classes, one row each."""
    first = np.array([*product(range(photos + 1), repeat=classes - 1)])
    rest = photos - first.sum(axis=1, keepdims=True)
    return np.hstack([first, rest])[rest[:, 0] >= 0]


def _possible(row, size: np.ndarray, ways: np.ndarray) -> bool:
    """Whether a confusion matrix with these class sizes has the metrics of a row."""
    count = round(row.accuracy * size.sum())
    hits = np.array([*product(*(range(of + 1) for of in size))])
    hits = hits[hits.sum(axis=1) == count]
    hits = hits[abs((hits / size).mean(axis=1) - row.recall) < ROUNDED]
    for right in hits:
        claimed = ways[(ways >= right).all(axis=1)]
        precision = (right / np.maximum(claimed, 1)).mean(axis=1)
        f1 = (2 * right / (size + claimed)).mean(axis=1)
        if ((abs(precision - row.precision) < ROUNDED) & (abs(f1 - row.f1) < ROUNDED)).any():
            return True
    return False


def _photos(row) -> int:
    return LARGEST_CLASS[row.task][1]


def _on_runs(figures: pd.DataFrame) -> str:
    known = figures[figures["accuracy"].notna()]
    single, means, both = [], [], []
    for number, table in known.groupby("table"):
        counts = [correct(row.accuracy, _photos(row)) for row in table.itertuples()]
        if None not in counts:
            single.append(str(number))
            continue
        means.append(str(number))
        for row in table.itertuples():
            of = correct(row.accuracy, _photos(row), RUNS)
            both.append(f"{row.row} {of} of {_photos(row) * RUNS}")
    again = known[known["model"].isin(known.loc[known["table"] == 2, "model"])]
    again = again[again.duplicated("model", keep=False)]
    values = [f"{row.accuracy:.4f} in Table {row.table}" for row in again.itertuples()]
    return (
        f"The accuracies of Tables {listed(single)} are whole numbers of photos, as of single "
        f"runs; those of Table {listed(means)} are means of {RUNS} runs ({listed(both)} "
        f"predictions). The two are not comparable: {again['row'].iloc[0]} has {listed(values)}."
    )


def _on_classes(test: pd.DataFrame) -> str:
    found = []
    for task, (_, photos) in LARGEST_CLASS.items():
        rows = test[(test["task"] == task) & test["table"].isin(SINGLE)]
        classes = len(CLASSES) if task == "activity3" else 2
        sizes = [listed(list(map(str, size))) for size in class_sizes(rows, photos, classes)]
        numbers = listed([str(number) for number in rows["table"].unique()])
        found.append(f"{' or '.join(sizes)} of {photos} (Table {numbers})")
    photos = LARGEST_CLASS["activity3"][1]
    stratified = [str(round(photos * of / sum(CLASSES.values()))) for of in CLASSES.values()]
    return (
        "The paper does not report the classes of its test photos. Its values are possible only "
        f"with these numbers of photos per class: {'; '.join(found)}. The split was not "
        f"stratified, as is described: that would give {listed(stratified)}."
    )


def _on_baseline(test: pd.DataFrame) -> str:
    parts = []
    for task, (largest, photos) in LARGEST_CLASS.items():
        rows = test[test["task"] == task]
        low = rows[rows["accuracy"] <= round(largest / photos, DIGITS)]
        names = listed(list(dict.fromkeys(low["row"])))
        if names:
            parts.append(
                f"{largest} of {photos} photos ({percent(largest / photos)}), and {names} "
                f"{'are' if low['row'].nunique() > 1 else 'is'} not above it"
            )
    constant = test[(test["recall"] - 1 / len(CLASSES)).abs() < ROUNDED]["row"]
    return (
        f"The majority-class baseline of this test set is right on {'; '.join(parts)}. "
        f"{listed(list(constant))} has the metrics of a constant prediction."
    )


def _on_photos(test: pd.DataFrame) -> str:
    told = []
    for row in test[test["table"].isin((*SINGLE, 7))].itertuples():
        photos = _photos(row)
        low, high = (100 * end for end in wilson(correct(row.accuracy, photos) / photos, photos))
        told.append(
            f"{row.row} (Table {row.table}) {percent(row.accuracy)} [{low:.0f}, {high:.0f}]"
        )
    return f"95 % Wilson intervals of its single runs over its test photos: {listed(told)}."


def _on_augmentations(figures: pd.DataFrame) -> str:
    table = figures[figures["table"] == 3].set_index("model")
    photos = LARGEST_CLASS["activity3"][1]
    counts = {name: correct(row.accuracy, photos) for name, row in table.iterrows()}
    named = ("colour_jitter", "all_combined", "greyscale")
    above = [
        f"{table.loc[name, 'row']} ({counts[name]})"
        for name in named
        if counts[name] > counts["none"]
    ]
    return (
        "The text says that colour changes and combined augmentations degrade performance. In "
        f"Table 3 {listed(above)} are above no augmentation ({counts['none']} of {photos} "
        "validation photos)."
    )


def _on_f() -> str:
    ways = [(7, "the seven models of the analysis"), (8, "the eight that are described")]
    told = [
        f"({models - 1}, {models * (RUNS - 1)}) with {what} (p = "
        f"{stats.f.sf(F, models - 1, models * (RUNS - 1)):.0e})"
        for models, what in ways
    ]
    return (
        f"F = {F} is reported without degrees of freedom. With {RUNS} runs per model they are "
        f"{' or '.join(told)}. The replicates are seeds on the same test photos, so the test does "
        "not generalise to other photos."
    )


def _on_t() -> str:
    dz = T / math.sqrt(RUNS)
    power = pingouin.power_ttest(d=dz, n=RUNS, contrast="paired")
    return (
        f"t = {T} over {RUNS} seeds has {RUNS - 1} degrees of freedom and p = "
        f"{2 * stats.t.sf(T, RUNS - 1):.4f}, as reported. For a difference as large as the "
        f"observed one (d = {dz:.2f}) the power of this test is {100 * power:.0f} %, so that it is "
        "no evidence of equality."
    )
