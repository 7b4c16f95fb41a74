import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from stillact.evaluation import power


@pytest.mark.parametrize(("images", "discordant"), [(285, 0.3), (29, 0.5), (2000, 0.2)])
def test_the_difference_over_images_solves_connors_formula(images, discordant):
    delta = power.over_images(images, discordant)
    spread = 1.959964 * math.sqrt(discordant) + 0.841621 * math.sqrt(discordant - delta**2)
    assert (spread / delta) ** 2 == pytest.approx(images, rel=1e-4)


def test_mcnemars_test_finds_the_difference_four_times_in_five():
    delta = power.over_images(1000, 0.3)
    rng = np.random.default_rng(0)
    chances = [(0.3 + delta) / 2, (0.3 - delta) / 2, 0.7]
    b, c, _ = rng.multinomial(1000, chances, size=20_000).T
    found = (b - c) ** 2 / (b + c) > stats.chi2(1).isf(0.05)
    assert found.mean() == pytest.approx(0.8, abs=0.01)


def test_more_images_show_smaller_differences_and_too_few_none():
    assert power.over_images(285, 0.3) < power.over_images(100, 0.3) < 0.3
    assert math.isnan(power.over_images(20, 0.3))  # even 6 images to none are p = .03
    assert math.isnan(power.over_images(285, 0))


def test_the_difference_over_seeds_is_statsmodels():
    d = TTestPower().solve_power(nobs=5, alpha=0.05, power=0.8)
    assert power.over_seeds(5, 0.04) == pytest.approx(d * 0.04, rel=1e-4)
    assert power.over_seeds(50, 0.04) < power.over_seeds(5, 0.04)
    assert math.isnan(power.over_seeds(2, 0.04))
    assert math.isnan(power.over_seeds(5, math.nan))


def test_each_pair_has_what_it_could_show():
    pairs = pd.DataFrame(
        {
            "model_a": ["vit", "vit"],
            "model_b": ["clip", "one_run"],
            "images": [285, 0],
            "mcnemar_b": [40, 0],
            "mcnemar_c": [17, 0],
        }
    )
    accuracies = {"vit": [0.5, 0.6, 0.55], "clip": [0.6, 0.65, 0.7], "one_run": [0.5]}
    runs = pd.DataFrame(
        [
            ("activity3", model, "holdout", seed, "test", value)
            for model, values in accuracies.items()
            for seed, value in enumerate(values)
        ],
        columns=["task", "model", "split", "seed", "subset", "accuracy"],
    )
    first, second = power.smallest_differences(pairs, runs, task="activity3").to_dict("records")
    assert first["discordant"] == pytest.approx(0.2)
    assert first["over_images"] == power.over_images(285, 0.2)
    assert (first["seeds"], first["sd"]) == (3, pytest.approx(np.std([0.1, 0.05, 0.15], ddof=1)))
    assert first["over_seeds"] == power.over_seeds(3, first["sd"])
    assert second["seeds"] == 1
    assert np.isnan([second["over_images"], second["sd"], second["over_seeds"]]).all()
