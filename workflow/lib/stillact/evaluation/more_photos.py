"""How much more labelled photos would help: the learning curve of a linear probe.

The probe of each cross-validation fold is fitted again to nested parts of its training photos. The
accuracy on the fold's test photos, as a function of the number n of training photos, is
extrapolated as a - b n^-c (Cortes, Jackel, Solla, Vapnik and Denker, "Learning curves: asymptotic
values and rate of convergence", NIPS 1993).
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from stillact.evaluation import bootstrap
from stillact.evaluation.answer import Answer

FRACTIONS = (1 / 8, 1 / 4, 1 / 2, 3 / 4, 1)  # of a fold's training photos
ORDERS = 3  # of the training photos of each fold, whose first parts are used
MORE = 2  # times the photos, to which is extrapolated
# The exponent c: each resample of the photos takes another one of 0.3 to 0.7, since so few sizes do
# not determine it.
EXPONENT, EXPONENTS = 0.5, (0.3, 0.7)


def probe_of(found: Answer, probes: Sequence[str]) -> str:
    """The linear probe whose curve is drawn: the chosen model, or the most accurate of the probes.

    Args:
        found: the answer.
        probes: models of the recipe linear_probe among its candidates; at least one.
    """
    if found.chosen in probes:
        return found.chosen
    accuracies = {one.model: one.accuracy for one in (*found.equals, *found.worse)}
    return max(probes, key=lambda model: accuracies.get(model, 0))


def curve(
    features: np.ndarray,
    labels: np.ndarray,
    clusters: np.ndarray,
    folds: np.ndarray,
    penalties: Mapping[int, float],
) -> pd.DataFrame:
    """The accuracy by number of training photos, and with twice as many photos as there are.

    Args:
        features: float (photos, width), as the probe sees them.
        labels: int (photos,).
        clusters: int (photos,), the same for photos of one group, which are drawn together.
        folds: int (photos,), the fold in which a photo is tested.
        penalties: C of the probe of each fold.

    Returns:
        photos (int, for training; in the last row twice all photos), accuracy, ci_low, ci_high (a
        95 % bootstrap interval over photos), and in the last row gain, gain_low, gain_high over
        training on all photos. Empty where some class has fewer than two photos in most of the
        parts.
    """
    with threadpool_limits(1):  # once, since it searches the process for its libraries
        sizes, right = _measured(features, labels, folds, penalties)
    columns = ["photos", "accuracy", "ci_low", "ci_high", "gain", "gain_low", "gain_high"]
    if len(sizes) < 3:
        return pd.DataFrame(columns=columns)
    intervals = [bootstrap.mean(row[None], clusters) for row in right]
    none = (np.nan,) * 3  # the gain is that of the last row
    rows = [(round(n), *one, *none) for n, one in zip(sizes, intervals, strict=True)]
    expected = _extrapolated(sizes, right, clusters, len(labels))
    return pd.DataFrame([*rows, (MORE * len(labels), *expected)], columns=columns)


def _measured(
    features: np.ndarray, labels: np.ndarray, folds: np.ndarray, penalties: Mapping[int, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Mean number of training photos of each size, (sizes,), and how often each photo is predicted
    right, (sizes, photos), 0 to 1; without sizes at which a class is too small."""
    rng = np.random.default_rng(0)
    used = np.zeros((len(FRACTIONS), ORDERS, len(np.unique(folds))))
    right = np.zeros((len(FRACTIONS), len(labels)))
    enough = np.ones(len(FRACTIONS), bool)
    for place, fold in enumerate(np.unique(folds)):
        test = np.flatnonzero(folds == fold)
        for order in range(ORDERS):
            train = _mixed(np.flatnonzero(folds != fold), labels, rng)
            for size, fraction in enumerate(FRACTIONS):
                part = train[: round(fraction * len(train))]
                used[size, order, place] = len(part)
                counts = np.bincount(labels[part], minlength=labels.max() + 1)
                enough[size] &= bool((counts >= 2).all())
                if enough[size]:
                    predicted = _predict(features, labels, part, test, penalties[fold])
                    right[size, test] += (predicted == labels[test]) / ORDERS
    return used.mean((1, 2))[enough], right[enough]


def _mixed(rows: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rows in random order, of whose first parts each has all classes in their proportions."""
    rows = rng.permutation(rows)
    place = np.empty(len(rows))
    for label in np.unique(labels[rows]):
        of_label = labels[rows] == label
        count = of_label.sum()
        place[of_label] = (np.arange(count) + rng.random()) / count
    return rows[np.argsort(place, kind="stable")]


def _predict(features, labels, train, test, c: float) -> np.ndarray:
    fitted = LogisticRegression(C=c, max_iter=1000).fit(features[train], labels[train])
    return fitted.predict(features[test])


def _extrapolated(
    sizes: np.ndarray, right: np.ndarray, clusters: np.ndarray, photos: int, resamples: int = 2000
) -> tuple[float, ...]:
    """Accuracy at `MORE` times the photos and its interval, and the same of the gain."""
    rng = np.random.default_rng(0)
    exponents = np.append(rng.uniform(*EXPONENTS, resamples), EXPONENT)
    drawn = bootstrap.draw_images(rng, clusters, resamples)
    accuracies = np.vstack([drawn @ right.T / drawn.sum(1, keepdims=True), right.mean(1)])
    powers = sizes ** -exponents[:, None]
    centred = powers - powers.mean(1, keepdims=True)
    slope = (centred * accuracies).sum(1) / (centred**2).sum(1)
    slope = np.minimum(slope, 0)  # more photos do no harm
    gains = slope * ((MORE * photos) ** -exponents - photos**-exponents) + 0.0  # no -0.0
    of_all = accuracies[:, -1] + slope * (photos**-exponents - powers[:, -1])
    reached = np.minimum(of_all + gains, 1)
    intervals = [np.percentile(values[:-1], [2.5, 97.5]) for values in (reached, gains)]
    return (reached[-1], *intervals[0], gains[-1], *intervals[1])
