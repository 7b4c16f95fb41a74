import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from stillact.inference import gallery
from support import deployments

CLASSES = ["sitting", "standing"]
TEMPLATE = Path("workflow/report/gallery.html.j2")
USED = deployments.record(model="clip_text", recipe="fine_tune", temperature=1.25, threshold=0.7)


def table(rows):
    """name, probability of sitting; None: unreadable."""
    made = []
    for name, sitting in rows:
        row = {
            "path": name,
            "status": "ok",
            "reason": "",
            "predicted": "",
            "abstain": "",
            "novel": "",
        }
        if sitting is None:
            row |= {"status": "unreadable", "reason": "damaged image"}
        else:
            confidence = max(sitting, 1 - sitting)
            row |= {"predicted": CLASSES[sitting < 0.5], "confidence": confidence}
            row |= {"abstain": "yes" if confidence < 0.7 else "no"}
            row |= {"prob_sitting": sitting, "prob_standing": 1 - sitting}
        made.append(row)
    return pd.DataFrame(made)


def test_each_class_gives_its_least_sure_and_its_surest_in_turn():
    predictions = table([("a", 0.9), ("b", 0.6), ("c", 0.7), ("d", 0.8), ("e", 0.1), ("f", None)])

    def names(most):
        return gallery.chosen(predictions, CLASSES, most)["path"].tolist()

    assert names(0) == []
    assert names(1) == ["b"]
    assert names(2) == ["b", "e"]
    assert names(3) == ["b", "a", "e"]
    assert names(4) == ["b", "c", "a", "e"]
    assert names(100) == ["b", "c", "d", "a", "e"]
    assert gallery.chosen(predictions, CLASSES[::-1], 2)["path"].tolist() == ["e", "b"]


def test_a_photo_given_twice_is_shown_once():
    predictions = table([("a", 0.9), ("a", 0.9), ("b", 0.2)])
    assert gallery.chosen(predictions, CLASSES, 9)["path"].tolist() == ["a", "b"]


@pytest.fixture
def built(tmp_path):
    def build(rows, most=9, overlays=None, used=USED, note="it is no transformer"):
        predictions = table(rows)
        files = {}
        for place, (name, _) in enumerate(rows):
            files[name] = tmp_path / f"{place}.png"
            Image.new("RGB", (400, 300), (255, 0, 0)).save(files[name])
        shown = gallery.chosen(predictions, CLASSES, most)
        return gallery.build(
            predictions, shown, files, overlays or {}, note, used, CLASSES, TEMPLATE
        )

    return build


class Reader(HTMLParser):
    """The tags, with their attributes, and the text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.words, self.open = [], [], []
        self.feed(page)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.words.append(data)


def test_the_page_tells_the_model_the_threshold_and_each_photo(built):
    page = Reader(built([("a.jpg", 0.9), ("b.jpg", 0.55), ("c.jpg", 0.02), ("d.jpg", None)]))
    for words in (
        "4 photos: clip_text predicts 2, abstains on 1, and 1 cannot be read",
        "clip_text (fine_tune) distinguishes sitting, standing.",
        "The accuracy to expect on photos like those of its study is 81\xa0% (95\xa0% interval 70 "
        "to 90), estimated on 30 photos, each predicted by a model that had not seen it.",
        "temperature 1.25",
        "confidence is below 70 %; at or above it an accuracy of at least 90 % is shown on those.",
        "Saliency maps are not shown: it is no transformer.",
        "sitting: 2 photos",
        "standing: 1 photo ",
        "sitting 55 % abstained b.jpg sitting 55 % standing 45 %",
        "standing 98 % c.jpg sitting 2 % standing 98 %",
        "1 photo that cannot be read path reason d.jpg damaged image",
    ):
        assert words.replace("\xa0", " ") in page.text.replace("\xa0", " "), words
    assert "Warning" not in page.text
    widths = [a["style"] for tag, a in page.tags if tag == "span" and "width" in a.get("style", "")]
    assert [float(re.match(r"width: ([\d.]+)%", style)[1]) for style in widths] == [
        55,
        45,
        90,
        10,
        2,
        98,
    ]


def test_it_asks_for_nothing_and_runs_nothing(built):
    page = built([("a.jpg", 0.9)])
    assert "script" not in {tag for tag, _ in Reader(page).tags}
    assert "default-src 'none'" in page
    sources = [a["src"] for _, a in Reader(page).tags if "src" in a]
    assert len(sources) == 1
    head, content = sources[0].split(",")
    assert head == "data:image/webp;base64"
    thumbnail = Image.open(io.BytesIO(base64.b64decode(content)))
    assert thumbnail.size == (256, 192)
    assert thumbnail.getpixel((80, 60))[0] > 240


EVIL = '<script>alert(1)</script>" onerror="x.jpg'


def test_long_paths_are_shortened_from_the_left(built):
    path = f"{'a_long_folder/' * 5}photo.jpg"
    page = Reader(built([(path, 0.9)]))
    assert "…/a_long_folder/a_long_folder/photo.jpg" in page.text
    assert path in [a["title"] for _, a in page.tags if "title" in a]


def test_names_and_reasons_are_text_and_nothing_else(built):
    page = Reader(built([(EVIL, 0.9), (f"{EVIL}2", None)]))
    assert "script" not in {tag for tag, _ in page.tags}
    assert not any("onerror" in attributes for _, attributes in page.tags)
    assert page.text.count("<script>alert(1)</script>") == 2
    assert any(a.get("alt") == f"Photo {EVIL}" for _, a in page.tags)


def test_overlays_lie_where_the_model_looked(built):
    overlays = {"a.jpg": ["data:image/png;base64,AA", 12.5, 0.0, 75.0, 100.0]}
    page = Reader(built([("a.jpg", 0.9), ("b.jpg", 0.2)], overlays=overlays))
    laid = [a for _, a in page.tags if a.get("class") == "overlay"]
    assert [a["src"] for a in laid] == ["data:image/png;base64,AA"]
    assert laid[0]["style"] == "left: 12.5%; top: 0.0%; width: 75.0%; height: 100.0%"
    assert "Show saliency maps" in page.text
    assert "no transformer" not in page.text


def said_of(built, **changes) -> str:
    page = Reader(built([("a.jpg", 0.9)], used=USED.model_copy(update=changes)))
    return page.text.replace("\xa0", " ")


def test_a_model_that_is_never_sure_enough_is_said_to_abstain_on_all(built):
    text = said_of(built, threshold=np.nextafter(1, 2))
    assert "abstains on every photo: no confidence threshold is shown to reach" in text
    assert "an accuracy of 90 % on those." in text


def test_a_model_without_cross_validation_is_said_to_have_none(built):
    text = said_of(built, scheme="holdout", evaluated=29)
    assert "estimated on 29 test photos only; it is not cross-validated." in text
    assert "each predicted by a model" not in text


def test_a_warning_stands_above_the_photos_as_one_sentence(built):
    text = said_of(built, warning="clip_text is worse than the recommended <b>")
    assert "Warning: clip_text is worse than the recommended <b>. clip_text (fine_tune)" in text


def test_no_photo_is_shown_where_none_is_wanted(built):
    page = Reader(built([("a.jpg", 0.9), ("b.jpg", 0.2)], most=0))
    assert "img" not in {tag for tag, _ in page.tags}
    assert "sitting: 1 photo, 0 shown" in page.text


def test_a_long_list_of_unreadable_photos_is_cut(built, monkeypatch):
    monkeypatch.setattr(gallery, "UNREADABLE", 2)
    page = Reader(built([("a.jpg", 0.9), *((f"bad{i}.jpg", None) for i in range(5))]))
    assert "5 photos that cannot be read" in page.text
    assert "bad1.jpg" in page.text
    assert "bad2.jpg" not in page.text
    assert "3 more are only in predictions.csv" in page.text


def test_of_many_classes_the_likeliest_are_shown(tmp_path):
    classes = [f"class_{i}" for i in range(50)]
    row = {"path": "a", "status": "ok", "reason": "", "predicted": "class_49", "confidence": 0.5}
    given = {f"prob_{label}": (i + 1) / 1275 for i, label in enumerate(classes)}
    predictions = pd.DataFrame([{**row, "abstain": "no", "novel": "", **given}])
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    made = gallery.build(
        predictions, predictions, {"a": tmp_path / "a.png"}, {}, "", USED, classes, TEMPLATE
    )
    page = Reader(made)
    assert "distinguishes 50 classes" in page.text
    bars = [attributes["title"] for _, attributes in page.tags if "title" in attributes]
    assert bars == ["a", *(f"class_{i}" for i in (49, 48, 47, 46, 45))]  # and the path
    hues = re.findall(r"width: ([\d.]+)%; --class: (#\w+)", made)
    assert [width for width, _ in hues] == ["3.9", "3.8", "3.8", "3.7", "3.6"]
    assert len({colour for _, colour in hues}) == 1
