"""Intervals of proportions: against statsmodels, and against resampling."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from stillact.evaluation import proportions


def test_the_papers_wilson_intervals():
    low, high = proportions.wilson(22 / 29, 29)
    assert (round(low, 3), round(high, 3)) == (0.579, 0.878)
    lows, highs = proportions.wilson(np.array([12 / 29, 1.0]), np.array([29, 29]))
    exact = stats.binomtest(12, 29).proportion_ci(method="wilson")
    assert (lows[0], highs[0]) == pytest.approx((exact.low, exact.high))
    assert lows[1] < highs[1] == pytest.approx(1)


def test_the_interval_of_a_known_variance_is_wilsons_for_many_groups():
    low, high = proportions.wilson_of_mean(0.8, 0.8 * 0.2 / 400, 100_000)
    assert (low, high) == pytest.approx(proportion_confint(320, 400, method="wilson"), abs=1e-4)


@pytest.mark.parametrize(("value", "low", "high"), [(1.0, 0.69, 1.0), (0.0, 0.0, 0.31)])
def test_without_variance_each_group_counts_once(value, low, high):
    found = proportions.wilson_of_mean(value, 0, 12)
    assert found == pytest.approx((low, high), abs=0.03)


def test_clusters_of_one_photo_are_wilsons_and_equal_photos_count_once():
    right = np.random.default_rng(0).random(60) < 0.7
    alone = proportions.clustered_wilson(right.astype(float), np.arange(60))
    assert alone == pytest.approx(proportion_confint(right.sum(), 60, method="wilson"))
    fivefold = proportions.clustered_wilson(
        np.repeat(right, 5).astype(float), np.repeat(range(60), 5)
    )
    assert fivefold == pytest.approx(alone, abs=0.005)
    all_right = proportions.clustered_wilson(np.ones(300), np.repeat(range(60), 5))
    assert all_right == pytest.approx(proportion_confint(60, 60, method="wilson"))


def test_the_detectable_accuracy_has_the_power_it_promises():
    chance, rng = 0.34, np.random.default_rng(0)
    accuracy = proportions.over_chance(285, chance)
    share = rng.binomial(285, accuracy, 20_000) / 285
    z = (share - chance) / np.sqrt(chance * (1 - chance) / 285)
    assert (z > 1.96).mean() == pytest.approx(0.8, abs=0.03)
    assert proportions.images_for(accuracy - chance, chance) == pytest.approx(285, abs=1)
    assert proportions.over_chance(2, 0.9) == 1
