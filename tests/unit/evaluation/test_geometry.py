from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import StandardScaler

from stillact.evaluation import geometry

ROOT = Path(__file__).parents[3]


def images(count: int) -> pd.DataFrame:
    ids = [f"p{i}" for i in range(count)]
    return pd.DataFrame({"id": ids, "status": "ok", "width": 400, "height": 200})


def described(*boxes: str) -> pd.DataFrame:
    had = images(len(boxes))
    return geometry.features(pd.DataFrame({"id": had["id"], "person_boxes": boxes}), had)


def folds(labels, fold, repeat=0) -> pd.DataFrame:
    ids = [f"p{i}" for i in range(len(labels))]
    columns = dict(image_id=ids, label=labels, group=ids, repeat=repeat, fold=fold)
    return pd.DataFrame(columns)


def test_two_people_by_hand():
    # the first is 100 x 100 in the photo, the second 40 x 50
    row = described("350 0 40 50;-50 50 150 100").loc["p0"]
    assert row.tolist() == pytest.approx(
        [np.log(2), np.log(3), 0, np.log(1 / 8), 0, 1 / 4, 1 / 2]
        + [1 / 8, 1 / 2, 1 / 4, 3 / 4, 0.2, 12_000 / 80_000]
    )
    assert list(row.index) == geometry.FEATURES


def test_nobody_is_a_feature_and_photos_that_are_not_available_have_no_row():
    nobody, outside = (described("", "500 0 40 50").loc[name] for name in ("p0", "p1"))
    assert nobody.to_dict() == outside.to_dict()
    assert nobody["nobody"] == 1
    assert nobody["people"] == 0
    had = images(2).assign(status=["ok", "missing"], width=[400, np.nan])
    people = pd.DataFrame({"id": had["id"], "person_boxes": ""})
    assert geometry.features(people, had).index.tolist() == ["p0"]


def test_the_accuracy_is_that_of_scikit_learns_out_of_fold_predictions():
    rng = np.random.default_rng(0)
    tall = rng.random(90) < 0.5
    boxes = [
        f"{x:.0f} 20 {60 - 20 * t:.0f} {80 + 60 * t:.0f}"
        for x, t in zip(rng.random(90) * 200, tall, strict=True)
    ]
    labels = np.where(tall ^ (rng.random(90) < 0.2), "standing", "sitting")
    fold = rng.permutation(90) % 5
    table = described(*boxes)
    found = geometry.baseline(table, pd.concat([folds(labels, fold), folds(labels, 0, repeat=1)]))
    predicted = np.empty(90, object)
    for one in range(5):
        scale = StandardScaler().fit(table[fold != one])
        model = LogisticRegression(max_iter=1000).fit(
            scale.transform(table[fold != one]), labels[fold != one]
        )
        predicted[fold == one] = model.predict(scale.transform(table[fold == one]))
    assert found.accuracy == pytest.approx(accuracy_score(labels, predicted), abs=1e-12)
    assert found.low < found.accuracy < found.high
    assert found.with_boxes == 90
    assert 0.7 < found.accuracy < 0.9


def test_there_is_none_without_boxes_or_with_training_photos_of_one_class():
    labels = ["sitting", "standing"] * 3
    assert geometry.baseline(described(*[""] * 6), folds(labels, [0, 1] * 3)) is None
    assert geometry.baseline(described(*["0 0 9 9"] * 6), folds(labels, [0, 1] * 3)) is None
    found = geometry.baseline(described(*["0 0 9 9"] * 6), folds(labels, [0, 0, 1, 1, 2, 2]))
    assert found.accuracy == 0.5


def test_it_is_right_on_more_than_half_of_the_shipped_photos():
    photos = pd.read_csv(ROOT / "data/coco_activities.csv", dtype={"id": str})
    had = photos[["id", "width", "height"]].assign(status="ok")
    table = geometry.features(photos[["id", "person_boxes"]], had)
    fold = np.random.default_rng(0).permutation(len(photos)) % 10
    split = photos.rename(columns={"id": "image_id"})[["image_id", "label"]]
    split = split.assign(group=split["image_id"], repeat=0, fold=fold)
    found = geometry.baseline(table, split)
    assert 0.5 < found.accuracy < 0.62
    assert found.with_boxes == (photos["person_boxes"].fillna("") != "").sum()
