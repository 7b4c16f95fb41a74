"""The order of the photos to check: against a computation photo by photo, and on wrong labels."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_blobs
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from stillact.evaluation.label_review import suspects

CLASSES = ["sit", "stand", "run"]
CENTRES = [[0, 0], [4, 0], [0, 4]]


def table(rows) -> pd.DataFrame:
    columns = ["model", "split", "seed", "subset", "image_id", "label"]
    return pd.DataFrame(rows, columns=[*columns, *(f"prob_{name}" for name in CLASSES)])


ROWS = table(
    [
        ("a", "cv_0_0", 0, "test", "p1", "sit", 0.2, 0.7, 0.1),
        ("a", "cv_1_2", 0, "test", "p1", "sit", 0.6, 0.3, 0.1),
        ("b", "cv_0_0", 0, "test", "p1", "sit", 0.1, 0.8, 0.1),
        ("a", "cv_0_1", 0, "test", "p2", "run", 0.1, 0.1, 0.8),
        ("b", "cv_0_1", 0, "test", "p2", "run", 0.3, 0.3, 0.4),
        ("a", "holdout", 0, "test", "p2", "run", 1.0, 0.0, 0.0),
        ("a", "holdout", 0, "test", "p3", "stand", 0.9, 0.1, 0.0),
        ("a", "holdout", 1, "test", "p3", "stand", 0.7, 0.3, 0.0),
        ("a", "holdout", 0, "validation", "p4", "sit", 0.0, 1.0, 0.0),
        ("c", "cv_0_0", 0, "test", "p1", "sit", 1.0, 0.0, 0.0),
    ]
)


def test_the_least_probable_label_is_first():
    found = suspects(ROWS, ["a", "b"])
    assert found["image_id"].tolist() == ["p3", "p1", "p2"]
    assert found["self_confidence"].tolist() == pytest.approx([0.2, (0.4 + 0.1) / 2, 0.6])
    assert found["predicted"].tolist() == ["sit", "stand", "run"]
    assert found["disagree"].tolist() == [1, 2, 0]  # a's mean of p1 is .4, .5, .1
    assert found["models"].tolist() == [1, 2, 2]
    probabilities = found[[f"prob_{name}" for name in CLASSES]]
    assert np.allclose(probabilities.sum(axis=1), 1)


def test_models_that_are_not_named_count_nothing():
    assert suspects(ROWS, ["c"])["self_confidence"].tolist() == [1.0]


def test_equal_photos_are_in_the_order_of_their_ids():
    rows = [("a", "cv_0_0", 0, "test", name, "sit", 0.5, 0.5, 0.0) for name in ("z", "b", "m")]
    assert suspects(table(rows), ["a"])["image_id"].tolist() == ["b", "m", "z"]


def test_wrong_labels_come_first():
    """Of 5 % wrong labels in three classes that a logistic regression separates by 90 %, most are
    among the first tenth."""
    rng = np.random.default_rng(0)
    found, accuracies = [], []
    for draw in range(5):
        features, truth = make_blobs(300, centers=CENTRES, cluster_std=1.3, random_state=draw)
        label = truth.copy()
        wrong = rng.choice(300, 15, replace=False)
        label[wrong] = (label[wrong] + rng.integers(1, 3, 15)) % 3
        folds = StratifiedKFold(5, shuffle=True, random_state=draw)
        probabilities = cross_val_predict(
            LogisticRegression(), features, label, cv=folds, method="predict_proba"
        )
        rows = [
            ("a", "cv_0_0", 0, "test", str(i), CLASSES[label[i]], *probabilities[i])
            for i in range(300)
        ]
        first = suspects(table(rows), ["a"])["image_id"].head(30).astype(int)
        found.append(np.isin(wrong, first).mean())
        accuracies.append((probabilities.argmax(1) == truth).mean())
    assert 0.85 < np.mean(accuracies) < 0.95
    assert np.mean(found) > 0.7
