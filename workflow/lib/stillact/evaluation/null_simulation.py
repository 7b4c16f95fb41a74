"""How often the tests call two models different that are equal: studies made up for it.

A study has images, each with its own difficulty, and two models that learn alike from features of
their own of these images, so that neither is better. What runs have in common comes about as in a
real study: they judge the same images and their training sets overlap; a seed says which of its
training images a run heeds.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from stillact.evaluation.comparisons import corrected_t_test, mcnemar

CLASSES, FEATURES = 3, 24
SIGNAL = 1.3  # of one feature a class, whose noise is about 1: two of three images are told right
HEEDED = 0.9  # share of its training images that a run learns from; the seed says which
RIDGE = 1.0


def rejection_rates(
    studies: int = 300,
    *,
    images: int = 285,
    folds: int = 10,
    repeats: int = 5,
    seeds: Sequence[int] = (5, 50),
    alpha: float = 0.05,
    seed: int = 0,
) -> pd.DataFrame:
    """The share of studies in which each test finds a difference between two equal models.

    Args:
        studies: made up, each with new images.
        images, folds, repeats: of a study, and of its cross-validation.
        seeds: how many runs a model on one holdout split (its test set as large as a fold) the
            t-test over seeds is tried with.
        alpha: level of the tests, two-sided.
        seed: of all draws.

    Returns:
        test, rejected ([0, 1]), ci_low and ci_high of it (95 %, Clopper and Pearson). The tests
        are, over folds, the corrected resampled t-test and the plain paired t-test; over images,
        exact McNemar on the votes of the repeats; over seeds, the paired t-test on one fold. All
        but the corrected test ask about the runs, the training set or the photos at hand, and
        reject more often than alpha when read as the answer about the models.
    """
    found: dict[str, list[bool]] = {}
    for study in np.random.SeedSequence(seed).spawn(studies):
        for test, p in _p_values(np.random.default_rng(study), images, folds, repeats, seeds):
            found.setdefault(test, []).append(p < alpha)
    rows = []
    for test, rejected in found.items():
        interval = stats.binomtest(sum(rejected), studies).proportion_ci()
        rows.append((test, float(np.mean(rejected)), interval.low, interval.high))
    return pd.DataFrame(rows, columns=["test", "rejected", "ci_low", "ci_high"])


def _p_values(rng, images: int, folds: int, repeats: int, seeds: Sequence[int]):
    """The name and p of each test on one study."""
    labels = rng.permutation(np.arange(images) % CLASSES)
    features = _features(labels, rng)
    fold_of = np.array([rng.permutation(np.arange(images) % folds) for _ in range(repeats)])
    held_out = np.concatenate([[of == fold for fold in range(folds)] for of in fold_of])
    right = _runs(features, labels, held_out, rng)
    over_folds = (right * held_out).sum(2) / held_out.sum(1)
    differences = over_folds[0] - over_folds[1]
    share = held_out[0].sum() / (~held_out[0]).sum()
    yield "folds, corrected t-test", corrected_t_test(differences, share)[2]
    yield "folds, plain t-test", corrected_t_test(differences, 0)[2]

    votes = (right * held_out).sum(1) > repeats / 2
    only = [(votes[a] & ~votes[b]).sum() for a, b in ((0, 1), (1, 0))]
    yield "images, McNemar on votes", mcnemar(*map(int, only))

    test = held_out[0]
    on_test = _runs(features, labels, np.tile(test, (max(seeds), 1)), rng)[..., test].mean(2)
    for count in seeds:
        name = f"{count} seeds on {test.sum()} images, paired t-test"
        yield name, corrected_t_test(on_test[0, :count] - on_test[1, :count], 0)[2]


def _features(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(2, images, FEATURES): what each model sees of each image; how far that is blurred is the
    image's difficulty, the same for both."""
    means = np.zeros((CLASSES, FEATURES))
    means[:, :CLASSES] = SIGNAL * np.eye(CLASSES)
    difficulty = rng.lognormal(0, 0.5, size=(len(labels), 1))
    return means[labels] + difficulty * rng.normal(size=(2, len(labels), FEATURES))


def _runs(features, labels, held_out: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(2, runs, images): whether each run of each model is right.

    A run is a ridge regression onto the classes.

    Args:
        features: (2, images, FEATURES). labels: (images,). held_out: (runs, images).
    """
    heeded = ~held_out & (rng.random((2, *held_out.shape)) < HEEDED)
    inputs = features[:, None]
    fitted_on = np.swapaxes(inputs * heeded[..., None], 2, 3)  # (2, runs, FEATURES, images)
    gram = fitted_on @ inputs + RIDGE * np.eye(FEATURES)
    weights = np.linalg.solve(gram, fitted_on @ np.eye(CLASSES)[labels])
    return (inputs @ weights).argmax(3) == labels
