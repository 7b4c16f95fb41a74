"""Type I error rates of the tests, from simulated studies of two equally good models.

A study has images, each with its own difficulty, and two models of the same kind, trained on
independent features of these images, so that neither is better. The dependence between runs arises
as in a real study: they predict the same images and their training sets overlap; a seed selects
the training images that a run uses.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from stillact.evaluation.comparisons import corrected_t_test, paired

CLASSES, FEATURES = 3, 24
SIGNAL = 1.3  # of one feature per class, with noise of about 1: an accuracy of about two thirds
USED = 0.9  # share of its training images that a run uses; the seed selects them
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
    """The share of studies in which each test rejects the true null hypothesis.

    Args:
        studies: number of simulated studies, each with new images.
        images, folds, repeats: of a study, and of its cross-validation.
        seeds: numbers of runs per model, for the t-test over seeds on one holdout split (its test
            set as large as a fold).
        alpha: level of the tests, two-sided.
        seed: random seed.

    Returns:
        test, rejected ([0, 1]), ci_low and ci_high of it (95 %, Clopper and Pearson). The tests
        are, over folds, the corrected resampled t-test and the plain paired t-test; over images,
        the median over the repeats of `comparisons.paired`; over seeds, the paired t-test on one
        fold. All but the corrected test are conditional on the runs, the training set or the photos
        at hand, and reject more often than alpha when interpreted as tests of the models in
        general.
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

    of_repeat = (right * held_out).reshape(2, repeats, folds, images).sum(2)
    differences = of_repeat[0].astype(float) - of_repeat[1]
    found = [paired(of_run, np.arange(images)) for of_run in differences]
    yield "images, paired test of single runs", float(np.median(found))

    test = held_out[0]
    on_test = _runs(features, labels, np.tile(test, (max(seeds), 1)), rng)[..., test].mean(2)
    for count in seeds:
        name = f"{count} seeds on {test.sum()} images, paired t-test"
        yield name, corrected_t_test(on_test[0, :count] - on_test[1, :count], 0)[2]


def _features(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(2, images, FEATURES): the features of each image for each model; their noise is scaled by
    the image's difficulty, the same for both."""
    means = np.zeros((CLASSES, FEATURES))
    means[:, :CLASSES] = SIGNAL * np.eye(CLASSES)
    difficulty = rng.lognormal(0, 0.5, size=(len(labels), 1))
    return means[labels] + difficulty * rng.normal(size=(2, len(labels), FEATURES))


def _runs(features, labels, held_out: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(2, runs, images): whether each run of each model is correct.

    A run is a ridge regression onto the classes.

    Args:
        features: (2, images, FEATURES). labels: (images,). held_out: (runs, images).
    """
    used = ~held_out & (rng.random((2, *held_out.shape)) < USED)
    inputs = features[:, None]
    fitted_on = np.swapaxes(inputs * used[..., None], 2, 3)  # (2, runs, FEATURES, images)
    gram = fitted_on @ inputs + RIDGE * np.eye(FEATURES)
    weights = np.linalg.solve(gram, fitted_on @ np.eye(CLASSES)[labels])
    return (inputs @ weights).argmax(3) == labels
