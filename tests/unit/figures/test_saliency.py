import numpy as np
import pandas as pd
import pytest
from PIL import Image

from stillact.data.boxes import Box
from stillact.figures import saliency as saliency_figures
from stillact.saliency import localisation_summary

METHODS = ["legrad_2", "centre", "legrad_2_random_weights"]


def summary():
    rows = [
        ("vit", method, "all", metric, 29, 0.5, 0.4, 0.6, 0.3, 0.35)
        for method in METHODS
        for metric in localisation_summary.LOCATED
    ]
    return pd.DataFrame(rows, columns=localisation_summary.COLUMNS)


def words(figure):
    figure.canvas.draw()
    return [text.get_text() for text in figure.findobj(lambda a: hasattr(a, "get_text"))]


def test_localisation_has_a_dot_a_method_and_chance():
    figure = saliency_figures.localisation(summary(), "over 29 photos")
    said = words(figure)
    assert {"vit", "legrad 2", "centre", "legrad 2 random weights"} <= set(said)
    panel = figure.axes[1]
    assert panel.containers[0].lines[0].get_xdata().tolist() == [0.5] * 3
    assert panel.lines[0].get_xdata() == [0.3, 0.3]


def test_nothing_to_hold_maps_against_is_said():
    said = words(saliency_figures.localisation(summary().head(0), ""))
    assert "No model has maps that can be compared with person boxes." in said


def test_maps_lie_where_the_model_sees(tmp_path):
    Image.new("RGB", (80, 40), "white").save(tmp_path / "a.png")
    examples = pd.DataFrame(
        {
            "why": ["sitting"],
            "image_id": ["a"],
            "label": ["sitting"],
            "predicted": ["standing"],
            "prob_sitting": [0.3],
            "prob_standing": [0.7],
        }
    )
    grids = {"a": np.array([[[0.0, 1.0]], [[1.0, 0.0]]])}
    paths, names, regions, boxes = (
        {"a": tmp_path / "a.png"},
        {"a": "photos/a.png"},
        {"a": (20, 0, 40, 40)},
        {"a": [Box(1, 2, 4, 6)]},
    )
    figure = saliency_figures.maps(examples, paths, names, grids, regions, boxes, "vit, seed 0")
    said = words(figure)
    assert any("predicted: standing" in text for text in said)
    assert any(text.endswith("\nphotos/a.png") for text in said)
    assert "vit, seed 0" in said
    assert any("30 %" in text for text in said)
    photo, first, _ = figure.axes
    assert first.images[1].get_extent() == [20, 60, 40, 0]
    assert first.images[1].get_array()[0, :, 3].tolist() == [0, saliency_figures.MOST]
    assert [patch.get_bbox().bounds for patch in photo.patches] == [(1, 2, 3, 4)] * 2


def test_of_many_classes_the_likeliest_have_maps(tmp_path):
    Image.new("RGB", (40, 40), "white").save(tmp_path / "a.png")
    classes = [f"riding_a_vehicle_{i}" for i in range(20)]
    given = {f"prob_{label}": (i + 1) / 210 for i, label in enumerate(classes)}
    rows = [
        {"why": why, "image_id": "a", "label": classes[0], "predicted": classes[-1], **given}
        for why in [*classes, "hard"]
    ]
    grids = {"a": np.arange(20.0).reshape(20, 1, 1) / 20}  # of each class another value
    where = {"a": tmp_path / "a.png"}, {"a": "a.png"}, grids, {"a": (0, 0, 40, 40)}, {"a": []}
    figure = saliency_figures.maps(pd.DataFrame(rows), *where, "vit, seed 0")
    assert any("vit, seed 0; 8 more classes are not shown" in text for text in words(figure))
    assert len(figure.axes) == 13 * 5
    heads = [axes.get_title(loc="left").replace("_\n", "_").split("\n") for axes in figure.axes]
    shown = [classes[i] for i in (0, 19, 18, 17)]
    assert [head[0] for head in heads[1:5]] == shown
    assert heads[-5][0] == f"hard: {classes[0]}"
    drawn = [axes.images[1].get_array()[0, 0, 3] for axes in figure.axes[1:5]]
    assert drawn == pytest.approx([saliency_figures.MOST * i / 20 for i in (0, 19, 18, 17)])


def test_no_maps_is_said():
    empty = pd.DataFrame(columns=["why", "image_id", "label", "predicted", "prob_a", "prob_b"])
    said = words(saliency_figures.maps(empty, {}, {}, {}, {}, {}, ""))
    assert "There are no saliency maps: no model is a fine-tuned transformer." in said


def test_opacity_follows_the_value():
    made = saliency_figures.coloured(np.array([[0.0, 0.5, 1.0]]))
    assert made[0, :, 3] == pytest.approx([0, 0.375, 0.75])
