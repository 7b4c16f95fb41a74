"""The photos to label next: uncertain, and unlike each other; in bounded memory."""

import numpy as np
import pytest

from stillact.inference.label_next import MOST, POOL, LabelNext
from stillact.inference.predict import Predicted

CLASSES = ["cook", "read", "sit"]


def photo(margin, features=None):
    first = (1 + margin) / 2 - 0.01
    probabilities = np.array([0.02, first, 1 - first - 0.02])
    given = None if features is None else np.asarray(features, np.float32)
    return Predicted(probabilities, None if given is None else 0.5, given)


def table(photos, column="path"):
    collected = LabelNext()
    names = [str(place) for place in range(len(photos))]
    rows = [(one, "" if one else "damaged") for one in photos]
    assert list(collected.watch(names, rows)) == rows  # passed on as they are
    return collected.table(column, CLASSES)


def test_the_columns():
    found = table([photo(0.4, [1, 0]), None, photo(0.1, [0, 1])], "url")
    assert found.columns.tolist() == ["url", "predicted", "second", "margin"]
    assert found["url"].tolist() == ["2", "0"]
    assert found["predicted"].tolist() == ["read", "read"]
    assert found["second"].tolist() == ["sit", "sit"]
    assert found["margin"].tolist() == pytest.approx([0.1, 0.4])


def test_copies_of_one_photo_are_suggested_once():
    copies = [photo(0.1, [1, 0, 0])] * 30
    found = table([*copies, photo(0.2, [0, 1, 0]), photo(0.3, [0, 0, 1])])
    assert found["path"].tolist() == ["0", "30", "31"]


def test_those_that_are_sure_are_not_suggested():
    rng = np.random.default_rng(0)
    photos = [photo(margin, rng.normal(size=8)) for margin in rng.permutation(500) / 500]
    found = table(photos)
    assert len(found) == MOST
    assert found["margin"].max() < POOL / 500
    assert found["margin"].tolist() != sorted(found["margin"])[:MOST]


def test_of_few_photos_the_certain_half_is_left_out():
    photos = [photo(place / 50, [place % 7, place]) for place in range(50)]
    assert table(photos)["margin"].max() < 0.5


def test_the_next_photo_is_the_farthest():
    at = {0: 0.0, 1: 1.0, 2: 10.0, 3: 6.0}
    found = table([photo(0.1 + place / 100, [x, 0]) for place, x in at.items()])
    assert found["path"].tolist() == ["0", "2", "3", "1"]


def test_memory_is_bounded():
    collected = LabelNext()
    for _ in collected.watch(
        map(str, range(5000)), ((photo(0.5, [0, 1]), "") for _ in range(5000))
    ):
        assert len(collected._pool) <= 4 * POOL


def test_without_features_the_probabilities_tell_photos_apart():
    photos = [photo(margin) for margin in (0.3, 0.1, 0.1, 0.2)]
    assert table(photos)["path"].tolist() == ["1", "0", "3"]


def test_no_photo():
    assert table([None, None]).empty
