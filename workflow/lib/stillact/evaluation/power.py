"""Minimum detectable differences, for a number of images or of seeds."""

import math

import pandas as pd
import pingouin
from scipy.optimize import brentq
from scipy.stats import norm

from stillact.evaluation.hypothesis_tests import accuracies


def over_images(images: int, discordant: float, power: float = 0.8, alpha: float = 0.05) -> float:
    """The minimum difference in accuracy that McNemar's test can detect, in (0, 1].

    Two models predict the same images; on a share psi of them only one is correct. The test needs
    n = (z_{1 - alpha/2} sqrt(psi) + z_power sqrt(psi - delta^2))^2 / delta^2 images for a
    difference delta (Connor, "Sample size for testing differences in proportions for the
    paired-sample design", Biometrics 43, 1987); this is that formula solved for delta. The exact
    test, being discrete, requires slightly more.

    Args:
        images: predicted by both, n.
        discordant: psi, in [0, 1].
        power, alpha: power and two-sided level of the test.

    Returns:
        NaN where even delta = psi, only one model correct on the discordant images, is below it.
    """

    def lacking(delta: float) -> float:
        spread = norm.isf(alpha / 2) * math.sqrt(discordant)
        spread += norm.ppf(power) * math.sqrt(discordant - delta**2)
        return spread - delta * math.sqrt(images)

    if lacking(discordant) > 0 or discordant == 0:
        return math.nan
    return brentq(lacking, 0, discordant)


def over_seeds(seeds: int, sd: float, power: float = 0.8, alpha: float = 0.05) -> float:
    """The minimum mean difference in accuracy that a paired t-test over seeds can detect.

    d sd, where d is the standardised difference at which the t-test with this number of pairs has
    the power (noncentral t, solved by pingouin.power_ttest). It is conditional on these photos.

    Args:
        seeds: number of seeds in common.
        sd: standard deviation of the differences, seed by seed, 0 or more.
        power, alpha: as in `over_images`.

    Returns:
        NaN with fewer than three seeds, where d is too large to be useful, and where sd is NaN.
    """
    if seeds < 3:
        return math.nan
    return pingouin.power_ttest(n=seeds, power=power, alpha=alpha, contrast="paired") * sd


def smallest_differences(
    pairs: pd.DataFrame, runs: pd.DataFrame, *, task: str, subset: str = "test"
) -> pd.DataFrame:
    """Minimum detectable difference of each pair of models at 80 % power and a level of 5 %.

    Args:
        pairs: from `comparisons.pairs`: model_a, model_b, images, mcnemar_b, mcnemar_c.
        runs: task, model, split, seed, subset, accuracy; those on the holdout split are used.
        task, subset: which runs.

    Returns:
        model_a, model_b; images, discordant (observed share, in [0, 1]), over_images; seeds in
        common, sd (of the differences), over_seeds. NaN as in the functions of those names.
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
