"""The smallest difference that so many images, or so many seeds, can show."""

import math

import pandas as pd
import pingouin
from scipy.optimize import brentq
from scipy.stats import norm

from stillact.evaluation.hypothesis_tests import accuracies


def over_images(images: int, discordant: float, power: float = 0.8, alpha: float = 0.05) -> float:
    """The smallest difference in accuracy that McNemar's test would find, in (0, 1].

    Two models judge the same images, and on a share psi of them one alone is right. The test needs
    n = (z_{1 - alpha/2} sqrt(psi) + z_power sqrt(psi - delta^2))^2 / delta^2 images for a
    difference delta (Connor, "Sample size for testing differences in proportions for the
    paired-sample design", Biometrics 43, 1987); this is that formula solved for delta. The exact
    test, being discrete, takes a little more.

    Args:
        images: judged by both, n.
        discordant: psi, in [0, 1].
        power, alpha: the chance to find the difference, and the test's level, two-sided.

    Returns:
        NaN where even delta = psi, all discordant images one model's, would not be found.
    """

    def lacking(delta: float) -> float:
        spread = norm.isf(alpha / 2) * math.sqrt(discordant)
        spread += norm.ppf(power) * math.sqrt(discordant - delta**2)
        return spread - delta * math.sqrt(images)

    if lacking(discordant) > 0 or discordant == 0:
        return math.nan
    return brentq(lacking, 0, discordant)


def over_seeds(seeds: int, sd: float, power: float = 0.8, alpha: float = 0.05) -> float:
    """The smallest mean difference in accuracy that a paired t-test over seeds would find.

    d sd, where d is the standardised difference at which the t-test of so many pairs has the power
    (noncentral t, solved by pingouin.power_ttest). It holds for these photos.

    Args:
        seeds: that both models have.
        sd: standard deviation of the differences, seed by seed, 0 or more.
        power, alpha: as in `over_images`.

    Returns:
        NaN with fewer than three seeds, where d is beyond all use, and where sd is NaN.
    """
    if seeds < 3:
        return math.nan
    return pingouin.power_ttest(n=seeds, power=power, alpha=alpha, contrast="paired") * sd


def smallest_differences(
    pairs: pd.DataFrame, runs: pd.DataFrame, *, task: str, subset: str = "test"
) -> pd.DataFrame:
    """What each pair of models could show at 80 % power and a level of 5 %.

    Args:
        pairs: of `comparisons.pairs`: model_a, model_b, images, mcnemar_b, mcnemar_c.
        runs: task, model, split, seed, subset, accuracy; those on the holdout split count.
        task, subset: which runs.

    Returns:
        model_a, model_b; images, discordant (share of them found, in [0, 1]), over_images; seeds
        that both have, sd (of the differences), over_seeds. NaN as in the functions of that name.
    """
    rows = []
    for pair in pairs.itertuples():
        models = [pair.model_a, pair.model_b]
        both = accuracies(runs, models, task=task, subset=subset).dropna()
        sd = (both[pair.model_a] - both[pair.model_b]).std()
        share = (pair.mcnemar_b + pair.mcnemar_c) / pair.images if pair.images else 0
        of_images = (pair.images, share, over_images(pair.images, share))
        rows.append((*models, *of_images, len(both), sd, over_seeds(len(both), sd)))
    columns = ["model_a", "model_b", "images", "discordant", "over_images"]
    return pd.DataFrame(rows, columns=[*columns, "seeds", "sd", "over_seeds"])
