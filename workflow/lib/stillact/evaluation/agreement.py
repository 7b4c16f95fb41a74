"""Agreement between models: how often they predict the same class for the same photos."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd

from stillact.evaluation import bootstrap
from stillact.evaluation.error_analysis import hundredths
from stillact.evaluation.predictions import Predictions

CONSTANT = "both give one and the same answer to every photo: kappa is undefined"
APART = "the two judge no photo in common"

AGREEMENT = ["model_a", "model_b", "photos", "same", "kappa", "ci_low", "ci_high", "note"]


def agreement(
    models: Mapping[str, Predictions], *, resamples: int = 2000, seed: int = 0
) -> pd.DataFrame:
    """Agreement of single runs of each pair of models, as the mean over all pairs of their runs.

    Cohen's kappa, (same - chance) / (1 - chance), where chance is the agreement expected from two
    independent models with the same class frequencies ("A coefficient of agreement for nominal
    scales", Educ. Psychol. Meas. 20, 1960): 1 for identical predictions, 0 for agreement at the
    level of chance, negative for less.

    Args:
        models: from `predictions.by_model`.
        resamples: number of bootstrap resamples of the photos, those of a group together. seed:
            random seed.

    Returns:
        model_a, model_b; photos, the number predicted by both; same, the share of equal
        predictions; kappa; ci_low and ci_high, the 2.5th and 97.5th percentile of the resamples in
        which it is defined, each of one photo fewer than there are (Rao and Wu, JASA 83, 1988);
        note, '' or why there is no kappa. No rows for fewer than two models.
    """
    shares = {model: given.shares for model, given in models.items()}
    rows = []
    for a, b in combinations(models, 2):
        both = ~np.isnan(shares[a][:, 0]) & ~np.isnan(shares[b][:, 0])
        drawn = (shares[a][both], shares[b][both], models[a].clusters[both])
        numbers = _agreement(*drawn, resamples, np.random.default_rng(seed))
        rows.append({"model_a": a, "model_b": b, "photos": int(both.sum()), **numbers})
    return pd.DataFrame(rows, columns=AGREEMENT)


def _agreement(
    a: np.ndarray, b: np.ndarray, clusters: np.ndarray, resamples: int, rng: np.random.Generator
) -> dict:
    """The values of one pair, from the shares of their runs that predict each class for each
    photo, (photos, classes)."""
    photos, classes = a.shape
    if not photos:
        return {"note": APART}
    cells = (a[:, :, None] * b[:, None, :]).reshape(photos, classes**2)
    kappa = kappas(cells.sum(0).reshape(classes, classes))
    if np.isnan(kappa):
        return {"same": 1.0, "note": CONSTANT}
    drawn = bootstrap.draw_images(rng, clusters, resamples)
    draws = kappas((drawn @ cells).reshape(-1, classes, classes))
    known = draws[~np.isnan(draws)]
    low, high = np.percentile(known, [2.5, 97.5]) if len(known) else (np.nan, np.nan)
    same = float((a * b).sum(1).mean())
    return {"same": same, "kappa": float(kappa), "ci_low": low, "ci_high": high, "note": ""}


def kappas(tables: np.ndarray) -> np.ndarray:
    """Cohen's kappa of each contingency table; NaN where both always predict the same one class.

    Args:
        tables: (..., classes, classes): counts, by the class that the first model predicts (row)
            and the second (column).
    """
    photos = tables.sum((-2, -1))
    same = np.trace(tables, axis1=-2, axis2=-1) / photos
    chance = (tables.sum(-1) * tables.sum(-2)).sum(-1) / photos**2
    defined = chance < 1
    return np.where(defined, (same - chance) / np.where(defined, 1 - chance, 1), np.nan)


def agreement_sentence(table: pd.DataFrame) -> str:
    """Summary of a table of `agreement`: the pairs with the highest and the lowest kappa."""
    if table.empty:
        return "Agreement requires at least two models."
    known = table[table["kappa"].notna()].sort_values("kappa", kind="stable")
    if known.empty:
        return f"Kappa is undefined for all pairs of models: {'; '.join(table['note'].unique())}."
    least, most = (_agree(known.iloc[place]) for place in (0, -1))
    if len(known) == 1:
        return f"{most}."
    return f"Of {len(known)} pairs of models, the highest agreement: {most}; the lowest: {least}."


def _agree(pair: pd.Series) -> str:
    kappa, low, high = (
        f"{pair[number]:z.2f}".replace("-", "−") for number in ("kappa", "ci_low", "ci_high")
    )
    return (
        f"{pair['model_a']} and {pair['model_b']}, kappa {kappa} [{low}, {high}], the same "
        f"prediction for {hundredths(pair['same'])} % of {pair['photos']} photos"
    )
