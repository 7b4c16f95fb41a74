"""Accuracies as proportions of photos: intervals, and how many photos a difference takes."""

import math

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm, t

LEVEL = 0.05  # significance level of all tests, after their correction


def wilson(accuracy, images) -> tuple:
    """The 95 % Wilson score interval, low and high in [0, 1], of an accuracy on a number of images
    (Wilson, JASA 22, 1927).

    It covers the sampling of the images only. The mean accuracy of several runs may be used like
    that of one run, since they share the images.

    Args:
        accuracy: in [0, 1]. images: at least 1. Numbers, or arrays or columns of one length.
    """
    return _score_interval(accuracy, norm.ppf(0.975) ** 2 / images)


def _score_interval(accuracy, square):
    """The score interval, where `square` is the squared quantile over the number of images."""
    centre = (accuracy + square / 2) / (1 + square)
    half = np.sqrt(square * accuracy * (1 - accuracy) + square**2 / 4) / (1 + square)
    return np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)


def wilson_of_mean(value: float, variance: float, groups: int) -> tuple[float, float]:
    """The 95 % Wilson interval of an accuracy whose variance is known from resampling.

    Wilson's interval of the number of photos n with value (1 - value) / n = variance, and Student's
    quantile with groups - 1 degrees of freedom (Korn and Graubard, "Confidence intervals for
    proportions with small expected number of positive counts estimated from survey data", Survey
    Methodology 24, 1998, with Wilson's interval). Without variance, n is the number of groups.

    Args:
        value: in [0, 1].
        variance: of the value over samples of photos, 0 or more.
        groups: number of independent groups of photos, at least 2.

    Returns:
        low and high, in [0, 1].
    """
    spread = value * (1 - value)
    images = spread / variance if variance > 0 and spread > 0 else groups
    low, high = _score_interval(value, t.ppf(0.975, groups - 1) ** 2 / images)
    return float(low), float(high)


def clustered_wilson(right: np.ndarray, clusters: np.ndarray) -> tuple[float, float]:
    """The 95 % Wilson interval of the mean of `right`, where photos of a cluster are dependent: for
    `effective_images`. If all clusters hold one photo this is `wilson`.

    Args:
        right: (images,), in [0, 1].
        clusters: (images,), integers from 0.
    """
    return wilson(right.mean(), effective_images(right, clusters))


def effective_images(right: np.ndarray, clusters: np.ndarray) -> float:
    """The number of independent photos whose mean varies as much as that of `right`.

    It is their number divided by the design effect: the variance of the mean with whole clusters as
    observations, over that with photos as observations (Kish, "Survey sampling", 1965), at least 1.

    Args:
        right, clusters: as for `clustered_wilson`.
    """
    images, mean = len(right), right.mean()
    sizes = np.bincount(clusters)
    counted = np.count_nonzero(sizes)
    deviations = np.bincount(clusters, right - mean)
    alone = np.square(right - mean).sum() * images / max(images - 1, 1)
    together = np.square(deviations).sum() * counted / max(counted - 1, 1)
    effect = max(together / alone, 1.0) if alone > 0 else images / counted
    return float(images / effect)


def over_chance(images: float, chance: float, power: float = 0.8, alpha: float = 0.05) -> float:
    """The lowest accuracy that a test against a fixed rate can distinguish from it, in (0, 1].

    n = (z_{1 - alpha/2} sqrt(q (1 - q)) + z_power sqrt(p (1 - p)))^2 / (p - q)^2 images for an
    accuracy p against a rate q, solved for p (Fleiss, Levin, Paik, "Statistical methods for rates
    and proportions", 2003, section 2.4).

    Args:
        images: number of independent images, n.
        chance: q, in [0, 1).
        power, alpha: power and two-sided level of the test.

    Returns:
        1 where no accuracy below it suffices.
    """

    def lacking(accuracy: float) -> float:
        spread = norm.isf(alpha / 2) * math.sqrt(chance * (1 - chance))
        spread += norm.ppf(power) * math.sqrt(accuracy * (1 - accuracy))
        return spread - (accuracy - chance) * math.sqrt(images)

    return brentq(lacking, chance, 1) if lacking(1) < 0 else 1.0


def images_for(difference: float, chance: float, power: float = 0.8, alpha: float = 0.05) -> int:
    """The number of images with which `over_chance` is this much above the rate.

    Args:
        difference: in (0, 1 - chance].
        chance, power, alpha: as in `over_chance`.
    """
    accuracy = min(chance + difference, 1.0)
    spread = norm.isf(alpha / 2) * math.sqrt(chance * (1 - chance))
    spread += norm.ppf(power) * math.sqrt(accuracy * (1 - accuracy))
    return math.ceil((spread / (accuracy - chance)) ** 2)
