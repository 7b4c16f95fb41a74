"""Pairwise comparisons of models with hypothesis tests: one row per pair of models."""

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests

from stillact.evaluation.metrics import predicted
from stillact.evaluation.predictions import SAME, Predictions, by_model, rows_of

NUMBERS = ["folds", "images", "difference", "t", "df", "p", "p_holm", "mcnemar_b", "mcnemar_c"]
NUMBERS += ["mcnemar_p", "mcnemar_p_holm", "probability_of_improvement"]


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
        model_a, model_b; folds, images that both have; difference of the accuracies, a minus b, in
        [-1, 1], as the mean over folds; t, df and p of `corrected_t_test` over folds (seeds of a
        fold averaged first); mcnemar_b, images that only a classifies correctly by the majority
        vote of its runs, mcnemar_c, only b, and the p of `mcnemar`; `probability_of_improvement`
        of a over b; p_holm and mcnemar_p_holm, p adjusted for all pairs (Holm, "A simple
        sequentially rejective
        multiple test procedure", Scand. J. Stat. 6, 1979); note, '' or why a number is missing.
        No rows for fewer than two models.

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
    right = (predicted(rows) == rows["label"]).groupby([rows["model"], rows["split"], rows["seed"]])
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
        "difference": differences.mean() if folds else math.nan,
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
    """The columns of `pairs` that come from the majority votes of two models."""
    both = a.judged.any(0) & b.judged.any(0)
    right_a, right_b = (votes(model)[both] == model.labels[both] for model in (a, b))
    only_a, only_b = int((right_a & ~right_b).sum()), int((~right_a & right_b).sum())
    return {
        "images": int(both.sum()),
        "mcnemar_b": only_a,
        "mcnemar_c": only_b,
        "mcnemar_p": mcnemar(only_a, only_b) if both.any() else math.nan,
    }
