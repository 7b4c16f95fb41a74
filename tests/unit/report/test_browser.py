import base64
import io
import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from stillact.report import browser
from support.reports import decoded

CLASSES = ["sitting", "standing"]


def rows(image, model, split, seed, subset, sitting):
    head = dict(task="t", model=model, split=split, seed=seed, subset=subset)
    label = "sitting" if image < "c" else "standing"
    probabilities = dict(prob_sitting=sitting, prob_standing=1 - sitting)
    return {**head, "image_id": image, "label": label, **probabilities}


PREDICTIONS = pd.DataFrame(
    [
        rows("a", "vit", "holdout", 0, "test", 0.9),
        rows("a", "vit", "holdout", 1, "test", 0.4),
        rows("a", "cnn", "holdout", 0, "test", 0.2),
        rows("a", "variant", "holdout", 0, "test", 0.2),
        rows("b", "vit", "holdout", 0, "validation", 0.3),
        rows("c", "cnn", "cv_0_1", 0, "test", 0.5),
        rows("c", "cnn", "cv_1_0", 0, "test", 0.25),
        rows("c", "cnn", "cv_1_1", 0, "validation", 0.9),
    ]
)


@pytest.fixture
def stored(tmp_path):
    """images.csv of the photos a, b and c, and the cache that they are in."""
    sha256 = {name: name * 64 for name in "abc"}
    for name, digest in sha256.items():
        file = tmp_path / digest[:2] / digest
        file.parent.mkdir()
        Image.new("RGB", (400, 300), {"a": "red", "b": "lime", "c": "blue"}[name]).save(file, "PNG")
    return pd.DataFrame(
        {"id": sha256.keys(), "url": [f"my/{i}.jpg" for i in sha256], "sha256": sha256.values()}
    ), tmp_path


def test_answers_are_means_over_the_runs_that_were_not_trained_on_the_photo():
    found = browser.answers(PREDICTIONS, ["vit", "cnn"], CLASSES)
    assert list(found) == ["test", "validation", "cross-validation"]
    test = found["test"].set_index("model")["prob_sitting"]
    assert test.to_dict() == pytest.approx({"vit": 0.65, "cnn": 0.2})
    folds = found["cross-validation"]
    assert folds[["image_id", "label", "model"]].to_numpy().tolist() == [["c", "standing", "cnn"]]
    assert folds["prob_standing"].tolist() == [0.625]


def test_without_cross_validation_there_is_no_such_group():
    holdout = PREDICTIONS[PREDICTIONS["split"] == "holdout"]
    assert list(browser.answers(holdout, ["vit"], CLASSES)) == ["test", "validation"]
    assert browser.answers(holdout, ["other"], CLASSES) == {}


def test_photos_have_a_thumbnail_and_each_models_answer(stored):
    tables = browser.answers(PREDICTIONS, ["vit", "cnn"], CLASSES)
    made = browser.photos(tables, ["vit", "cnn"], CLASSES, *stored)
    assert json.loads(json.dumps(made)) == made
    assert [(p["id"], p["url"], p["label"]) for p in made["photos"]] == [
        ("a", "my/a.jpg", "sitting"),
        ("b", "my/b.jpg", "sitting"),
        ("c", "my/c.jpg", "standing"),
    ]
    assert made["groups"] == [
        {"name": "test", "photos": [[0, [[650000, 350000], [200000, 800000]]]]},
        {"name": "validation", "photos": [[1, [[300000, 700000], None]]]},
        {"name": "cross-validation", "photos": [[2, [None, [375000, 625000]]]]},
    ]
    red, green, _ = decoded(made["photos"][1]["thumbnail"]).getpixel((80, 60))
    assert green > 200 > red
    assert made["left_out"] == 0


def test_a_page_holds_so_many_photos_and_says_how_many_it_does_not(stored, monkeypatch):
    monkeypatch.setattr(browser, "PHOTOS", 2)
    monkeypatch.setattr(browser, "HARD", 2)
    tables = browser.answers(PREDICTIONS, ["vit", "cnn"], CLASSES)
    made = browser.photos(tables, ["vit", "cnn"], CLASSES, *stored)
    # of the label: .65 and .2 for a, .3 for b, .625 for c
    assert [photo["id"] for photo in made["photos"]] == ["a", "b"]
    assert (made["left_out"], made["misclassified"], made["hard"]) == (1, 2, 2)
    assert [len(group["photos"]) for group in made["groups"]] == [1, 1, 0]


def test_the_hardest_photos_and_a_sample_of_the_others_are_shown(monkeypatch):
    monkeypatch.setattr(browser, "PHOTOS", 40)
    monkeypatch.setattr(browser, "HARD", 20)
    sure = np.linspace(0.01, 0.99, 200)  # about half are misclassified
    table = pd.DataFrame(
        {
            "image_id": [f"i{i:03}" for i in range(200)],
            "label": "sitting",
            "model": "vit",
            "prob_sitting": sure,
            "prob_standing": 1 - sure,
        }
    ).sample(200, random_state=1)
    hard, chosen = browser._selected(browser._doubts({"test": table}, CLASSES))
    others = {int(image[1:]) for image in chosen} - {*range(20)}
    assert (hard, len(chosen), len(others)) == (20, 40, 20)
    assert min(others) < 70  # of all others, not of their start or end
    assert max(others) > 150
    again = browser._selected(browser._doubts({"test": table[::-1]}, CLASSES))
    assert again == (hard, chosen)
    few = table.assign(prob_sitting=1.0, prob_standing=0.0)
    few.iloc[:3, 3:] = [[0.2, 0.8]] * 3
    hard, chosen = browser._selected(browser._doubts({"test": few}, CLASSES))
    assert (hard, len(chosen)) == (3, 40)
    assert {*few["image_id"][:3]} <= chosen


def test_a_study_without_predictions_has_no_photos(stored):
    assert browser.photos({}, ["vit"], CLASSES, *stored)["photos"] == []


MAPS = {
    "image_ids": np.array(["a", "b"]),
    "grids": np.array([[[[0.0, 1.0]], [[0.5, 0.5]]], [[[1.0, 0.0]], [[0.0, 1.0]]]]),
    "regions": np.array([[50, 0, 300, 300], [0, 0, 400, 300]]),
}
SIZES = pd.DataFrame({"id": ["a", "b", "c"], "width": 400, "height": 300})
ANSWERS = pd.DataFrame(
    {"image_id": ["a", "b", "a"], "predicted": ["sitting", "standing", "sitting"]}
)


def test_overlays_are_the_map_of_the_answer_where_the_model_sees():
    made = browser.overlays(MAPS, ANSWERS, CLASSES, SIZES)
    uri, *place = made["a"]
    assert place == [12.5, 0, 75, 100]
    head, content = uri.split(",")
    assert head == "data:image/png;base64"
    alpha = np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))[..., 3]
    assert alpha.tolist() == [[0, 191]]
    _, content = made["b"][0].split(",")
    alpha = np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))[..., 3]
    assert alpha.tolist() == [[0, 191]]  # of standing, the second class


def test_a_model_without_maps_has_no_overlays():
    maps = {**MAPS, "grids": np.empty((0, 2, 0, 0))}
    assert browser.overlays(maps, ANSWERS.head(0), CLASSES, SIZES) == {}


def test_overlays_go_to_the_place_of_their_photo(stored):
    images, cache = stored
    tables = browser.answers(PREDICTIONS, ["vit", "cnn"], CLASSES)
    made = browser.photos(
        tables, ["vit"], CLASSES, images, cache, {"vit": {"b": ["uri", 0], "x": []}}
    )
    place = [photo["id"] for photo in made["photos"]].index("b")
    assert made["overlays"] == {"vit": {place: ["uri", 0]}}
