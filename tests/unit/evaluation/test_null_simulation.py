import pytest

from stillact.evaluation import null_simulation


@pytest.fixture(scope="module")
def rejected():
    rates = null_simulation.rejection_rates(300, seeds=(5,))
    return rates.set_index("test")["rejected"]


def test_the_corrected_test_keeps_its_level(rejected):
    assert 0.02 <= rejected["folds, corrected t-test"] <= 0.08


def test_the_plain_tests_do_not(rejected):
    assert rejected["folds, plain t-test"] > 0.2
    assert rejected["5 seeds on 29 images, paired t-test"] > 0.2


def test_the_same_seed_gives_the_same_studies():
    sizes = {"images": 60, "folds": 3, "repeats": 1, "seeds": (3,)}
    first, again, other = (
        null_simulation.rejection_rates(30, **sizes, seed=seed) for seed in (0, 0, 1)
    )
    assert first.equals(again)
    assert not first.equals(other)
