"""Novelty: a conformal test, whose error rate is known, and which finds photos from elsewhere."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from stillact.inference import novelty
from stillact.inference.novelty import Novelty


def drawn(rng, count, at=0.0, width=32):
    return rng.normal(at, 1, (count, width)).astype(np.float32) + 1


@pytest.mark.parametrize("count", [45, 285])
def test_one_in_twenty_photos_like_the_labelled_ones_is_novel(count):
    rng = np.random.default_rng(count)
    marked = []
    for _ in range(200):
        test = Novelty(drawn(rng, count), range(count))
        marked.append(test.p_values(drawn(rng, 50)) <= novelty.LEVEL)
    share = np.mean(marked)
    assert 0.03 < share < 0.06


def test_photos_from_elsewhere_are_novel():
    rng = np.random.default_rng(0)
    test = Novelty(drawn(rng, 100), range(100))
    assert (test.p_values(-drawn(rng, 50)) == 1 / 101).all()


def test_the_p_value_is_the_rank_of_the_distance_to_the_nearest():
    """Against scikit-learn's neighbours."""
    rng = np.random.default_rng(1)
    labelled, new = drawn(rng, 60), drawn(rng, 20)
    neighbours = NearestNeighbors(metric="cosine").fit(labelled)
    others = neighbours.kneighbors(n_neighbors=1)[0][:, 0]  # without the photo itself
    nearest = neighbours.kneighbors(new, n_neighbors=1)[0]
    expected = (1 + (others[None] >= nearest).sum(1)) / 61
    assert Novelty(labelled, range(60)).p_values(new) == pytest.approx(expected)


def test_the_scale_of_features_does_not_matter():
    rng = np.random.default_rng(2)
    labelled, new = drawn(rng, 30), drawn(rng, 10)
    found = Novelty(labelled, range(30)).p_values(new)
    scale = rng.uniform(0.1, 10, (30, 1)).astype(np.float32)
    assert Novelty(scale * labelled, range(30)).p_values(7 * new).tolist() == found.tolist()


def test_photos_of_a_group_do_not_vouch_for_each_other():
    """Each labelled photo is there twice: alone, its copy would be at a distance of 0, and every
    new photo farther than that."""
    rng = np.random.default_rng(3)
    once = drawn(rng, 50)
    twice = np.repeat(once, 2, axis=0)
    new = drawn(rng, 200)
    alone = Novelty(twice, range(100)).p_values(new)
    assert (alone == 1 / 101).all()
    grouped = Novelty(twice, np.repeat(np.arange(50), 2)).p_values(new)
    assert 0.01 < (grouped <= novelty.LEVEL).mean() < 0.12


def test_a_labelled_photo_is_not_novel():
    labelled = drawn(np.random.default_rng(4), 40)
    assert (Novelty(labelled, range(40)).p_values(labelled) == 1).all()


def test_blocks_change_nothing(monkeypatch):
    labelled = drawn(np.random.default_rng(5), 25)
    new = drawn(np.random.default_rng(6), 5)
    found = Novelty(labelled, range(25)).p_values(new)
    monkeypatch.setattr(novelty, "BLOCK", 7)
    assert Novelty(labelled, range(25)).p_values(new).tolist() == found.tolist()


def test_all_of_one_group():
    labelled = drawn(np.random.default_rng(7), 5)
    assert Novelty(labelled, ["a"] * 5).p_values(-labelled).tolist() == [1.0] * 5


def test_the_sentence():
    assert novelty.sentence(1, 20).startswith("1 of 20 photos is unlike all labelled ones")
    assert "about 5\xa0% would be" in novelty.sentence(3, 20)
