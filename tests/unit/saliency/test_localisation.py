import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import auc

from stillact.saliency import localisation

Y, X = np.mgrid[0:8, 0:8]
PLATEAUS = ((3 * X + 5 * Y + X * Y) % 17).astype(float)
HILL = np.exp(-((X - 5) ** 2 + (Y - 2) ** 2) / 6)
MIDDLE = (Y >= 1) & (Y < 5) & (X >= 3) & (X < 7)
CORNER = (Y >= 5) & (X < 3)

# Quantus 0.6.0 (abs=False, normalise=False) on the same maps and masks.
QUANTUS = [
    ("pointing", HILL, MIDDLE, 1.0),
    ("pointing", HILL, CORNER, 0.0),
    ("energy", PLATEAUS, MIDDLE, 0.23121387283236994),
    ("energy", PLATEAUS, CORNER, 0.15221579961464354),
    ("energy", HILL, MIDDLE, 0.6336792826094745),
    ("energy", HILL, CORNER, 0.005851564611962614),
    ("rank_accuracy", PLATEAUS, CORNER, 0.1111111111111111),
    ("rank_accuracy", HILL, MIDDLE, 0.75),
    ("rank_accuracy", HILL, CORNER, 0.0),
]


@pytest.mark.parametrize(("metric", "heat", "person", "expected"), QUANTUS)
def test_metrics_are_those_of_quantus(metric, heat, person, expected):
    assert localisation.METRICS[metric](heat, person) == pytest.approx(expected, abs=1e-12)


def test_pointing_shares_a_tie():
    heat = np.array([[1.0, 1.0], [0.2, 1.0]])
    assert localisation.pointing(heat, np.array([[True, False], [True, False]])) == 1 / 3


def test_chance_is_the_area_of_the_person():
    rng = np.random.default_rng(0)
    maps = rng.random((400, 8, 8))
    for metric in localisation.METRICS.values():
        mean = np.mean([metric(heat, MIDDLE) for heat in maps])
        assert mean == pytest.approx(MIDDLE.mean(), abs=0.05)


@pytest.mark.parametrize("metric", localisation.METRICS.values())
def test_no_person_or_no_map_is_not_a_number(metric):
    assert np.isnan(metric(HILL, np.zeros_like(MIDDLE)))
    assert np.isnan(metric(np.zeros_like(HILL), MIDDLE))


def areas(heat, seen, steps=4):
    """Of a model that is sure by the share of white among the pixels that `seen` names."""
    photo = np.full((8, 8, 3), 255, np.uint8)
    empty = np.zeros_like(photo)

    def probability(photos):
        return (photos[..., 0] / 255)[:, seen].mean(1)

    return localisation.faithfulness(probability, photo, heat, empty, empty, steps)


def test_faithfulness_of_a_map_that_marks_what_the_model_sees():
    """A quarter of the pixels matter: with them first, the curves are 0, 1, 1, 1, 1 and its
    reverse; with them last, 0, 0, 0, 0, 1."""
    seen = MIDDLE
    assert areas(seen.astype(float), seen) == pytest.approx((0.875, 0.125))
    assert areas(1.0 - seen, seen) == pytest.approx((0.125, 0.875))


def test_faithfulness_is_the_trapezoid_rule():
    heat = np.random.default_rng(1).random((8, 8))
    order = np.argsort(-heat, axis=None)
    shares = np.linspace(0, 1, 9)
    curve = [MIDDLE.ravel()[order[: int(64 * s)]].sum() / MIDDLE.sum() for s in shares]
    expected = auc(shares, curve), auc(shares, 1 - np.array(curve))
    assert areas(heat, MIDDLE, 8) == pytest.approx(expected)


def test_rank_correlation_is_scipys():
    other = np.random.default_rng(2).random((8, 8)).round(1)
    expected = spearmanr(PLATEAUS.ravel(), other.ravel()).statistic
    assert localisation.rank_correlation(PLATEAUS, other) == pytest.approx(expected)
    assert np.isnan(localisation.rank_correlation(PLATEAUS, np.ones((8, 8))))
