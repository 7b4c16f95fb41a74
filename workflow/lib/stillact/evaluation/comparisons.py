"""Pairwise comparisons of models with hypothesis tests: one row per pair of models."""

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests

from stillact.core.probabilities import most_probable
from stillact.evaluation import bootstrap
from stillact.evaluation.predictions import SAME, Predictions, by_model, rows_of

EXACT = 1000  # clusters
NUMBERS = ["folds", "images", "difference", "ci_low", "ci_high", "t", "df", "p", "p_holm"]
NUMBERS += ["mcnemar_b", "mcnemar_c", "mcnemar_p", "mcnemar_p_holm", "probability_of_improvement"]


def pairs(
    predictions: pd.DataFrame,
    models: Sequence[str],
    *,
    scheme: str = "cv",
    subset: str = "test",
) -> pd.DataFrame:
    """Every pair of models compared on the folds and images that both have in common.

    Args:
        predictions, scheme, subset: as in `predictions.by_model`. The t-test needs "cv".
        models: those without predictions are skipped.

    Returns:
        model_a, model_b; folds, images that both have; difference of the accuracies of single runs,
        a minus b, in [-1, 1], as the mean over images, with its 95 % interval ci_low, ci_high
        (`bootstrap.mean`, images of one group drawn together); t, df and p of `corrected_t_test`
        over folds (seeds of a fold averaged first); mcnemar_b, the number of images that only a
        classifies correctly, mcnemar_c, only b, for a single run each (means over the runs), and
        mcnemar_p, the median over the repeats, or seeds, of the p of `paired` for a run of each;
        `probability_of_improvement` of a over b; p_holm and mcnemar_p_holm, p adjusted for all
        pairs (Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Stat. 6,
        1979); note, '' or why a number is missing. No rows for fewer than two models.

    Raises:
        InputError: as `predictions.by_model`.
    """
    given = by_model(predictions, scheme=scheme, subset=subset)
    rows = rows_of(predictions, scheme=scheme, subset=subset)
    accuracies, share = _by_split(rows), _test_to_train(rows)
    table = []
    for a, b in combinations([model for model in models if model in given], 2):
        over_folds = _over_folds(accuracies[a], accuracies[b], share)
        over_images = _over_images(given[a], given[b])
        table.append({"model_a": a, "model_b": b, **over_folds, **over_images})
    frame = pd.DataFrame(table, columns=["model_a", "model_b", *NUMBERS, "note"])
    frame["p_holm"] = holm(frame["p"])
    frame["mcnemar_p_holm"] = holm(frame["mcnemar_p"])
    return frame


def corrected_t_test(differences: np.ndarray, test_to_train: float) -> tuple[float, int, float]:
    """Nadeau and Bengio's corrected resampled t-test: t, degrees of freedom, two-sided p.

    t = mean / sqrt((1 / J + n_test / n_train) s^2) with J - 1 degrees of freedom, s^2 the sample
    variance. The plain t-test's 1 / J assumes independent folds, though their training sets
    overlap; the second term corrects for that (Nadeau and Bengio, "Inference for the
    generalization error", Machine Learning 52, 2003; for repeated cross-validation Bouckaert and
    Frank, PAKDD 2004).

    Args:
        differences: (J,) of one metric, one per fold.
        test_to_train: ratio of test to training images in one fold; 1 / 9 with ten folds.

    Returns:
        With fewer than two folds t and p are NaN. Where all differences are the same, t is NaN,
        and p is 1 if they are zero, NaN otherwise.
    """
    folds = len(differences)
    if folds < 2:
        return math.nan, folds - 1, math.nan
    mean = np.mean(differences)
    if np.ptp(differences) < SAME:
        return math.nan, folds - 1, 1.0 if abs(mean) < SAME else math.nan
    t = mean / np.sqrt((1 / folds + test_to_train) * np.var(differences, ddof=1))
    return float(t), folds - 1, float(2 * stats.t.sf(abs(t), folds - 1))


def mcnemar(only_a: int, only_b: int) -> float:
    """Exact two-sided p of McNemar's test; 1 without discordant images.

    Binomial: under the null hypothesis each discordant image is correct for a or b with
    probability 1/2 (McNemar, Psychometrika 12, 1947).
    """
    discordant = only_a + only_b
    return float(stats.binomtest(only_a, discordant).pvalue) if discordant else 1.0


def paired(differences: np.ndarray, clusters: np.ndarray) -> float:
    """Exact two-sided p of the test that two models are equally accurate on such images.

    Under the null hypothesis, each cluster's sum of differences is as likely as its negative. The
    distribution of their total over all signs is computed by convolution. Without groups this is
    `mcnemar`; with groups it is the sign-flip test of the mean (Fisher, "The design of
    experiments", 1935, section 21). With more than `EXACT` clusters that differ, the distribution
    is a normal one.

    Args:
        differences: (images,) the share of runs of a that are correct minus that of b, in [-1, 1].
        clusters: (images,) integers, the same for images of one group.
    """
    sums = np.bincount(np.unique(clusters, return_inverse=True)[1], differences)
    steps = np.abs(np.rint(sums * _unit(sums))).astype(int)
    steps = steps[steps > 0]
    if not len(steps):
        return 1.0
    if len(steps) > EXACT:
        return float(2 * stats.norm.sf(abs(sums.sum()) / np.sqrt(np.square(sums).sum())))
    steps //= np.gcd.reduce(steps)
    observed = abs(int(np.rint(sums.sum() / np.abs(sums).sum() * steps.sum())))
    chances = np.ones(1)  # of each total, from -sum(steps) in steps of 1
    for step in steps:
        wider = np.zeros(len(chances) + 2 * step)
        wider[: len(chances)] += chances / 2
        wider[2 * step :] += chances / 2
        chances = wider
    totals = np.arange(len(chances)) - steps.sum()
    return float(min(chances[np.abs(totals) >= observed].sum(), 1.0))


def _unit(sums: np.ndarray) -> int:
    """The smallest number, at most 100, that turns the sums into integers; 100 where none does."""
    for unit in range(1, 101):
        if np.abs(sums * unit - np.rint(sums * unit)).max() < 1e-6:
            return unit
    return 100


def probability_of_improvement(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> float:
    """Probability that a run of model a outperforms a run of model b on the same split, in [0, 1].

    P = mean over splits of the share of all pairs (run of a, run of b) in which a is ahead, a tie
    counted half (Agarwal et al., "Deep reinforcement learning at the edge of the statistical
    precipice", NeurIPS 2021, with splits for tasks).

    Args:
        a, b: for each split the accuracies of the model's runs on it.
    """
    ahead = [
        np.mean((x[:, None] > y + SAME) + 0.5 * (abs(x[:, None] - y) <= SAME))
        for x, y in zip(a, b, strict=True)
    ]
    return float(np.mean(ahead)) if ahead else math.nan


def holm(p: pd.Series) -> pd.Series:
    """Holm's adjusted p over the tests that have a p; NaN stays NaN."""
    adjusted = p.astype(float)
    known = adjusted.notna()
    if known.any():
        adjusted[known] = multipletests(adjusted[known], method="holm")[1]
    return adjusted


def votes(given: Predictions) -> np.ndarray:
    """(images,) the class that most runs predict, -1 for an image without predictions.

    Ties are broken by the higher mean probability.
    """
    codes = np.arange(len(given.classes))
    counts = (given.predicted[..., None] == codes).sum(0)
    runs = np.maximum(given.judged.sum(0), 1)
    mean = np.nansum(given.probabilities, axis=0) / runs[:, None]
    return np.where(given.judged.any(0), (counts + mean).argmax(1), -1)


def _by_split(rows: pd.DataFrame) -> dict[str, dict[str, np.ndarray]]:
    """For each model and split the accuracies of its seeds."""
    right = (most_probable(rows) == rows["label"]).groupby(
        [rows["model"], rows["split"], rows["seed"]]
    )
    accuracies: dict[str, dict[str, np.ndarray]] = {}
    for (model, split), values in right.mean().groupby(level=["model", "split"]):
        accuracies.setdefault(model, {})[split] = values.to_numpy()
    return accuracies


def _test_to_train(rows: pd.DataFrame) -> float:
    """Images in a fold over images outside it, which count as training images whether they were
    used for training or for early stopping; NaN where there is only one split."""
    inside = rows.groupby("split")["image_id"].nunique().mean()
    outside = rows["image_id"].nunique() - inside
    return inside / outside if outside else math.nan


def _over_folds(a: dict[str, np.ndarray], b: dict[str, np.ndarray], test_to_train: float) -> dict:
    """The columns of `pairs` that come from the accuracies per split of two models."""
    folds = [split for split in a if split in b]
    in_a, in_b = [a[split] for split in folds], [b[split] for split in folds]
    differences = np.array([x.mean() - y.mean() for x, y in zip(in_a, in_b, strict=True)])
    t, df, p = corrected_t_test(differences, test_to_train)
    return {
        "folds": len(folds),
        "t": t,
        "df": df if len(folds) > 1 else math.nan,
        "p": p,
        "probability_of_improvement": probability_of_improvement(in_a, in_b),
        "note": _note(differences),
    }


def _note(differences: np.ndarray) -> str:
    if len(differences) == 0:
        return "the two have no fold in common"
    if len(differences) == 1:
        return "one split alone: no t-test over folds"
    if np.ptp(differences) < SAME:
        return "the same difference in every fold: no t"
    return ""


def _over_images(a: Predictions, b: Predictions) -> dict:
    """The columns of `pairs` that come from single images."""
    both = a.judged.any(0) & b.judged.any(0)
    if not both.any():
        return {"images": 0, "mcnemar_b": 0, "mcnemar_c": 0, "mcnemar_p": math.nan}
    right_a, right_b, clusters = a.right[both], b.right[both], a.clusters[both]
    difference, low, high = bootstrap.mean((right_a - right_b)[None], clusters)
    return {
        "images": int(both.sum()),
        "difference": difference,
        "ci_low": low,
        "ci_high": high,
        "mcnemar_b": (right_a * (1 - right_b)).sum(),
        "mcnemar_c": (right_b * (1 - right_a)).sum(),
        "mcnemar_p": _median_p(a, b),
    }


def _median_p(a: Predictions, b: Predictions) -> float:
    """The median over pairs of runs, one of each model, of the p of `paired`.

    The mean of several runs would be tested with less noise than a single run has, but conditional
    on the training photos; equal models would differ in twice as many studies.
    """
    found = []
    for one, other in zip(range(len(a.judged)), range(len(b.judged)), strict=False):
        both = a.judged[one] & b.judged[other]
        if not both.any():
            continue
        hits = [of.predicted[run][both] == of.labels[both] for of, run in ((a, one), (b, other))]
        found.append(paired(hits[0].astype(float) - hits[1], a.clusters[both]))
    return float(np.median(found)) if found else math.nan
