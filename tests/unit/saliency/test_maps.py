"""A run looked into, on tiny backbones with random weights."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from stillact.data.boxes import View
from stillact.data.preprocessing import Preprocessing
from stillact.recipes.fine_tune.setup import Classifier
from stillact.saliency import (
    legrad,
    localisation,
)
from stillact.saliency import (
    maps as saliency_maps,
)
from stillact.saliency import (
    methods as saliency_methods,
)
from stillact.training.jobs import Setup
from stillact.training.trained import Trained
from support.tiny_backbones import PATCH, SIZE, load

CLASSES = ["sitting", "standing", "walking_running"]
SEEN = Preprocessing(SIZE, "resize_crop")


def trained(backbone, seed=0) -> Trained:
    torch.manual_seed(seed)
    head = nn.Linear(backbone.embedding_width, 3)
    prepare = lambda pixels, training: backbone.normalise(pixels)  # noqa: E731
    setup = Setup(None, None, prepare, lambda pixels, _: pixels, SEEN)
    return Trained(Classifier(backbone, head, normalised=False).eval(), setup)


@pytest.fixture
def backbone(tmp_path):
    return load("timm", tmp_path / "timm")


PHOTOS = pd.DataFrame(
    {
        "image_id": ["a", "b", "c"],
        "group": ["a", "b", "c"],
        "label": ["sitting", "standing", "sitting"],
        "width": [64, 32, 32],
        "height": [32, 64, 32],
        "person_boxes": ["16 0 16 32", "0 0 32 32;0 40 8 8", ""],
    }
)
PIXELS = torch.from_numpy(
    np.random.default_rng(0).integers(0, 256, (3, 3, SIZE, SIZE), dtype=np.uint8)
)


def look(run, photos=PHOTOS, **more):
    return saliency_maps.of_run(run, photos, PIXELS, SEEN, CLASSES, [1, "all"], 4, **more)


def test_every_method_has_a_row_a_photo(backbone):
    found = look(trained(backbone), shuffled=trained(backbone, seed=1))
    assert list(found.table) == saliency_maps.COLUMNS
    methods = ["legrad_1", "legrad_all", "rollout", "grad_cam", "centre"]
    methods += ["legrad_1_random_weights", "legrad_1_shuffled_labels"]
    assert found.table["method"].unique().tolist() == methods
    assert (found.table.groupby("method")["image_id"].agg(list).map(str) == "['a', 'b', 'c']").all()
    assert found.table.groupby("image_id")["predicted"].nunique().eq(1).all()
    assert found.note == ""


def test_metrics_are_those_of_the_map_of_the_answer_in_the_models_view(backbone):
    run = trained(backbone)
    found = look(run)
    table = found.table.query("method == 'legrad_all' and image_id == 'a'").iloc[0]
    answer = run.probabilities(PIXELS).argmax(1)
    assert table["predicted"] == CLASSES[answer[0]]
    images = run.setup.prepare(PIXELS, False)
    heat = legrad.maps(backbone, images, run.network.logits, "all")[0, answer[0]].numpy()
    person = np.zeros((SIZE, SIZE), bool)
    person[:, :16] = True  # 16 of the photo's 32 pixels on either side are cropped away
    assert table["person_area"] == 0.5
    for metric, of in localisation.METRICS.items():
        assert table[metric] == pytest.approx(of(heat, person), abs=1e-6)


def test_insertion_and_deletion_go_through_the_model(backbone):
    run = trained(backbone)
    found = look(run)
    table = found.table.set_index(["method", "image_id"])
    answer = run.probabilities(PIXELS).argmax(1)
    images = run.setup.prepare(PIXELS, False)
    heat = saliency_methods.maps("centre", run.network, images, torch.from_numpy(answer))
    order = np.argsort(-heat[1], axis=None, kind="stable")
    photo = PIXELS[1].permute(1, 2, 0).numpy().reshape(-1, 3)
    curve = []
    for step in range(5):
        emptied = photo.copy()
        emptied[order[: SIZE * SIZE * step // 4]] = photo.mean(0).round()
        pixels = torch.from_numpy(emptied.reshape(1, SIZE, SIZE, 3)).permute(0, 3, 1, 2)
        curve.append(run.probabilities(pixels)[0, answer[1]])
    expected = np.trapezoid(curve, dx=0.25)
    assert table.loc[("centre", "b"), "deletion"] == pytest.approx(expected, abs=1e-6)
    checks = table.loc["legrad_1_random_weights"]
    assert checks[["insertion", "deletion"]].isna().all(None)
    assert checks["rank_correlation"].between(-1, 1).all()


def test_a_photo_without_boxes_has_maps_and_no_metrics(backbone):
    table = look(trained(backbone)).table.query("image_id == 'c' and method == 'legrad_1'").iloc[0]
    assert np.isnan(table[["person_area", *localisation.METRICS]].to_numpy(float)).all()
    assert 0 < table["insertion"] < 1


def test_grids_are_of_every_class_and_regions_of_the_photo(backbone):
    found = look(trained(backbone))
    assert found.grids.shape == (3, 3, SIZE // PATCH, SIZE // PATCH)
    assert (found.grids.min((2, 3)) == 0).all()
    assert found.grids.max() == 1
    expected = [View.of(SEEN, w, h).region for w, h in PHOTOS[["width", "height"]].to_numpy()]
    np.testing.assert_allclose(found.regions, expected)
    np.testing.assert_allclose(found.regions[0], [16, 0, 32, 32])


def test_a_backbone_without_attention_is_told_not_failed(backbone):
    backbone._blocks = None
    found = look(trained(backbone))
    assert found.table.empty
    assert list(found.table) == saliency_maps.COLUMNS
    assert len(found.grids) == 0
    assert "no transformer blocks" in found.note
