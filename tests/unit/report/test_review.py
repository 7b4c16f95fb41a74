"""The data and the text of the page of photos to check; tests/e2e/test_review.py opens it."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from stillact.evaluation.answer import NOTHING_SHOWN
from stillact.report import review
from support.reports import ANSWER, ROOT, decoded

CLASSES = ["Läuft & rennt", "<b>sits</b>"]
SUSPECTS = pd.DataFrame(
    {
        "image_id": ["b", "a"],
        "label": CLASSES,
        "predicted": [CLASSES[1], CLASSES[1]],
        "self_confidence": [0.1234, 0.8],
        "disagree": [2, 0],
        "models": [3, 3],
        f"prob_{CLASSES[0]}": [0.1234, 0.2],
        f"prob_{CLASSES[1]}": [0.8766, 0.8],
    }
)


@pytest.fixture
def stored(tmp_path):
    """images.csv of the photos a and b, and the cache that they are in."""
    for name, size in {"a": (900, 300), "b": (200, 100)}.items():
        file = tmp_path / (name * 2) / (name * 64)
        file.parent.mkdir()
        Image.new("RGB", size, "red").save(file, "PNG")
    table = {
        "id": ["a", "b"],
        "url": ["my/a.jpg", "my/</script>.jpg"],
        "sha256": ["a" * 64, "b" * 64],
    }
    return pd.DataFrame(table), tmp_path


def test_photos_are_in_the_order_of_the_suspects(stored):
    made = review.data(SUSPECTS, CLASSES, *stored)
    assert made["classes"] == CLASSES
    assert made["left_out"] == 0
    first, second = made["photos"]
    assert decoded(first.pop("image")).size == (200, 100)  # not enlarged
    assert decoded(second.pop("image")).size == (512, 171)
    assert first == {
        "id": "b",
        "name": "my/</script>.jpg",
        "label": CLASSES[0],
        "disagree": 2,
        "models": 3,
        "percent": [12.3, 87.7],
    }


def test_the_page_is_bounded(stored, monkeypatch):
    monkeypatch.setattr(review, "PHOTOS", 1)
    made = review.data(SUSPECTS, CLASSES, *stored)
    assert [photo["id"] for photo in made["photos"]] == ["b"]
    assert made["left_out"] == 1
    assert "The first 1 are here; results/review.csv has all." in page(made)


def page(made, found=ANSWER) -> str:
    template = Path(ROOT / "workflow/report/review.html.j2")
    command = "snakemake --cores 1 correct --config labelled=photos"
    text = review.build(found, SUSPECTS, made, command, template)
    return re.sub(r"\s+", " ", text)


def test_names_cannot_end_the_page_or_its_script(stored):
    text = page(review.data(SUSPECTS, CLASSES, *stored))
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text)[1]
    assert json.loads(data)["photos"][0]["name"] == "my/</script>.jpg"
    assert "<b>sits" not in text


def test_it_says_what_the_order_is_of_and_how_to_go_on(stored):
    text = page(review.data(SUSPECTS, CLASSES, *stored))
    assert "2 photos, those first whose label the models find least probable" in text
    assert ", ".join(review.models_of(ANSWER)) in text
    assert "On 1 of 2 photos, they predict another class than the label" in text
    assert "correct --config labelled=photos corrections=corrections.csv" in text
    assert "the order means little" not in text
    nothing = ANSWER.model_copy(update={"verdict": NOTHING_SHOWN, "model": None})
    assert "the order means little" in page(review.data(SUSPECTS, CLASSES, *stored), nothing)


def test_the_models_are_the_chosen_one_and_its_equals():
    assert review.models_of(ANSWER) == [ANSWER.chosen, *(one.model for one in ANSWER.equals)]
    assert review.models_of(ANSWER.model_copy(update={"chosen": None})) == []
