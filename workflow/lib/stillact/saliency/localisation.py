"""Localisation and faithfulness metrics of saliency maps."""

from collections.abc import Callable

import numpy as np
from scipy.stats import rankdata


def pointing(heat: np.ndarray, person: np.ndarray) -> float:
    """The pointing game (Zhang and others, arXiv 1608.00507): 1 if the maximum of the map lies on
    the person, else 0; with several maxima, the share that lies on the person.

    Args:
        heat: (height, width), 0 or more.
        person: bool (height, width).

    Returns:
        In [0, 1]; NaN for a map of zeros, or without a person. Chance level: the person's area.
    """
    return _share(heat == heat.max(), person) if heat.any() else np.nan


def energy(heat: np.ndarray, person: np.ndarray) -> float:
    """The energy-based pointing game (Wang and others, Score-CAM, arXiv 1910.01279), which is the
    relevance mass accuracy of Arras and others (arXiv 2003.07258): the share of the map's sum that
    lies on the person. Args and returns as `pointing`."""
    return _share(heat, person)


def rank_accuracy(heat: np.ndarray, person: np.ndarray) -> float:
    """The relevance rank accuracy of Arras and others: the share on the person of the K pixels with
    the largest values, K the person's number of pixels. Args and returns as `pointing`."""
    if not person.any() or not heat.any():
        return np.nan
    top = np.argsort(-heat, axis=None, kind="stable")[: person.sum()]
    return float(person.ravel()[top].mean())


METRICS = {"pointing": pointing, "energy": energy, "rank_accuracy": rank_accuracy}


def _share(amount: np.ndarray, person: np.ndarray) -> float:
    total = amount.sum(dtype=float)
    if not total or not person.any():
        return np.nan
    return float(amount[person].sum(dtype=float) / total)


def faithfulness(
    probability: Callable[[np.ndarray], np.ndarray],
    photo: np.ndarray,
    heat: np.ndarray,
    emptied: np.ndarray,
    blurred: np.ndarray,
    steps: int,
) -> tuple[float, float]:
    """Insertion and deletion (Petsiuk and others, RISE, arXiv 1806.07421).

    Pixels are processed by the map's value, the largest first: insertion adds them to the blurred
    photo, deletion removes them from the photo. With a faithful map the probability rises early, or
    falls early.

    Args:
        probability: of the class explained, (photos,), of photos, uint8 (photos, height, width, 3).
        photo: uint8 (height, width, 3).
        heat: (height, width).
        emptied, blurred: the final photo of deletion, and the initial one of insertion; as `photo`.
        steps: number of shares of the pixels at which the probability is computed, besides none.

    Returns:
        Areas under the two curves over the share of pixels, in [0, 1]: insertion (larger is
        better) and deletion (smaller is better).
    """
    place = np.empty(heat.size, int)
    place[np.argsort(-heat, axis=None, kind="stable")] = np.arange(heat.size)
    counts = np.round(np.linspace(0, heat.size, steps + 1))
    taken = (place[None] < counts[:, None]).reshape(-1, *heat.shape, 1)
    modified = np.concatenate([np.where(taken, photo, blurred), np.where(taken, emptied, photo)])
    insertion, deletion = np.split(probability(modified), 2)
    return tuple(float(np.trapezoid(curve) / steps) for curve in (insertion, deletion))


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's rank correlation of two maps, in [-1, 1]; NaN where one is constant."""
    ranks = np.array([rankdata(one), rankdata(other)])
    if (np.ptp(ranks, axis=1) == 0).any():
        return np.nan
    return float(np.corrcoef(ranks)[0, 1])
