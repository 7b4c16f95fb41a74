"""Photos made worse, held against imagecorruptions itself and against what can be worked out."""

import hashlib

import imagecorruptions
import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torchvision.transforms.functional import InterpolationMode, resize

from stillact.config.evaluation import OF_IMAGECORRUPTIONS
from stillact.core.runs import Run
from stillact.data.boxes import View
from stillact.data.manifest import parse_boxes
from stillact.data.preprocessing import Preprocessing
from stillact.perturb import ask, corruption
from stillact.training.jobs import Setup
from stillact.training.trained import Trained

CLASSES = ["sitting", "standing"]
DRAWN = {  # by chance
    "gaussian_noise",
    "shot_noise",
    "impulse_noise",
    "glass_blur",
    "motion_blur",
    "snow",
    "frost",
    "fog",
    "elastic_transform",
    "speckle_noise",
    "spatter",
}


def photos(count=3, size=224) -> torch.Tensor:
    """Blots of colour, such as a photo has, and a little grain."""
    rng = np.random.default_rng(0)
    coarse = torch.from_numpy(rng.integers(0, 256, (count, 3, 9, 9), np.uint8))
    blots = resize(coarse, [size, size], InterpolationMode.BICUBIC).numpy().astype(int)
    return torch.from_numpy(
        np.clip(blots + rng.integers(-9, 10, blots.shape), 0, 255).astype(np.uint8)
    )


def difference(a: torch.Tensor, b: torch.Tensor) -> float:
    return (a.float() - b.float()).abs().mean().item()


def channels_last(photo: torch.Tensor) -> np.ndarray:
    return photo.permute(1, 2, 0).contiguous().numpy()


def test_the_names_of_the_config_are_those_of_imagecorruptions():
    assert list(OF_IMAGECORRUPTIONS) == imagecorruptions.get_corruption_names("all")


@pytest.mark.parametrize("name", OF_IMAGECORRUPTIONS)
def test_a_photo_comes_out_the_same_whoever_else_there_is(name):
    pixels, ids = photos(2), ["a", "b"]
    state = np.random.get_state()[1].copy()
    together = corruption.apply(pixels, ids, name, 3)
    assert (np.random.get_state()[1] == state).all()  # others' chance is not touched
    assert together.dtype == torch.uint8
    assert together.shape == pixels.shape
    assert difference(together, pixels) > 0.5
    np.random.seed(7)
    alone = corruption.apply(pixels[1:], ["b"], name, 3)
    assert torch.equal(alone, together[1:])
    twins = corruption.apply(pixels[[0, 0]], ["a", "b"], name, 3)
    assert torch.equal(*twins) == (name not in DRAWN)


@pytest.mark.parametrize("name", sorted({*OF_IMAGECORRUPTIONS} - DRAWN))
def test_what_is_not_drawn_is_what_imagecorruptions_makes_of_it(name):
    pixels = photos(1)
    for severity in (1, 5):
        (found,) = corruption.apply(pixels, ["a"], name, severity)
        expected = imagecorruptions.corrupt(channels_last(pixels[0]), severity, name)
        np.testing.assert_array_equal(channels_last(found), expected)


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_what_is_drawn_is_seeded_by_photo_corruption_and_severity(name):
    pixels = photos(1)
    (found,) = corruption.apply(pixels, ["a/b"], name, 2)
    seed = int(hashlib.sha256(f"a/b/{name}/2".encode()).hexdigest()[:8], 16)
    np.random.seed(seed)
    own = {"seed": seed} if name in ("glass_blur", "impulse_noise") else {}
    expected = imagecorruptions.corrupt(channels_last(pixels[0]), 2, name, **own)
    np.testing.assert_array_equal(channels_last(found), expected)


@pytest.mark.parametrize("name", ["defocus_blur", "zoom_blur", "contrast"])
def test_a_severity_is_as_severe_to_photos_packed_small(name):
    large = photos(2)
    small = resize(large, [112, 112], InterpolationMode.BICUBIC, antialias=True)
    found = corruption.apply(small, ["a", "b"], name, 4)
    as_large = corruption.apply(large, ["a", "b"], name, 4)
    expected = resize(as_large, [112, 112], InterpolationMode.BICUBIC, antialias=True)
    harm = difference(expected, small)
    assert difference(found, expected) < 0.25 * harm
    assert found.shape == small.shape


def test_noise_on_a_photo_of_16_px_is_that_of_a_wide_one_made_small():
    grey = torch.full((1, 3, 16, 16), 128, dtype=torch.uint8)
    (found,) = corruption.apply(grey, ["a"], "gaussian_noise", 1)
    noise = found.float().std().item()
    assert 0.5 < noise < 0.5 * 0.08 * 255  # 14 pixels a side have been averaged


def test_grey_is_luma():
    pixels = photos(2, 40)
    found = corruption.apply(pixels, ["a", "b"], "grey", 0).float()
    red, green, blue = pixels.float().unbind(1)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    for channel in found.unbind(1):
        assert (channel - luma).abs().max() <= 0.51


@pytest.mark.parametrize(("severity", "factor"), [*enumerate([2, 3, 4, 6, 8], 1)])
def test_low_resolution_is_as_torch_would_scale_down_and_up(severity, factor):
    pixels = photos(2, 60)
    found = corruption.apply(pixels, ["a", "b"], "low_resolution", severity)
    kind = InterpolationMode.BICUBIC
    low = resize(pixels, [round(60 / factor)] * 2, kind, antialias=True)
    expected = resize(low, [60, 60], kind, antialias=True)
    assert difference(found, expected) < 0.15 * difference(found, pixels)


def test_low_resolution_leaves_nothing_of_a_fine_pattern():
    board = torch.from_numpy(np.indices((48, 48)).sum(0) % 2 * 200).to(torch.uint8)
    found = corruption.apply(board.expand(1, 3, 48, 48), ["a"], "low_resolution", 3)
    inside = found[..., 6:-6, 6:-6].float()
    assert (inside - 100).abs().max() <= 3


BOXES = ["5 5 10 20", "", "30 10 5 5;0 0 4 40", "90 90 9 9"]


def known(boxes=BOXES) -> pd.DataFrame:
    """What is known of photos 80 px wide and 40 px high."""
    made = pd.DataFrame({"image_id": [f"p{i}" for i in range(len(boxes))], "person_boxes": boxes})
    made["label"] = [CLASSES[i % 2] for i in range(len(boxes))]
    return made.assign(group=made["image_id"], subset="test", width=80, height=40)


@pytest.mark.parametrize("geometry", ["squash", "letterbox"])
def test_people_are_covered_by_the_mean_and_nothing_else_is(geometry):
    seen = Preprocessing(40, geometry)
    pixels = photos(4, 40)
    asked = corruption.asked(["person_covered"], [1, 3])
    clean, covered = corruption.versions(pixels, known(), [seen], asked)
    assert covered.change == {"corruption": "person_covered", "severity": 0}
    assert covered.rows.tolist() == [0, 2]  # no box, and one beyond the photo
    view = View.of(seen, 80, 40)
    for row, found in zip(covered.rows, covered.pixels.numpy(), strict=True):
        mask, before = view.mask(parse_boxes(BOXES[row])), pixels[row].numpy()
        assert mask.any()
        assert (found[:, ~mask] == before[:, ~mask]).all()
        assert (found[:, mask] == before.mean((1, 2)).round()[:, None]).all()
    assert torch.equal(clean.pixels, pixels)


def test_the_clean_photos_come_first_and_severities_where_there_are_some():
    asked = corruption.asked(["grey", "fog", "low_resolution"], [5, 1])
    assert asked == [
        ("clean", 0),
        ("grey", 0),
        ("fog", 5),
        ("fog", 1),
        ("low_resolution", 5),
        ("low_resolution", 1),
    ]
    seen = Preprocessing(40, "squash")
    pixels = photos(4, 40)
    made = list(corruption.versions(pixels, known(), [seen], asked))
    assert [tuple(version.change.values()) for version in made] == asked
    assert made[0].pixels is pixels
    assert all(version.rows.tolist() == [0, 1, 2, 3] for version in made)


def test_without_boxes_nobody_is_covered():
    seen = Preprocessing(40, "squash")
    asked = corruption.asked(["person_covered"], [1])
    (only,) = corruption.versions(photos(2, 40), known(["", ""]), [seen], asked)
    assert only.change["corruption"] == "clean"


def test_the_answers_are_those_of_each_run_and_the_photos_are_seen_once_for_all():
    seen = []

    def inputs(some: torch.Tensor, _) -> torch.Tensor:
        seen.append(len(some))
        return some.float().mean((2, 3)) / 255

    setup = Setup(None, None, lambda given, training: given, inputs, (Preprocessing(40, "squash"),))
    runs = {}
    for seed in (3, 4):
        torch.manual_seed(seed)
        runs[Run("posture", "made_up", "holdout", seed)] = Trained(nn.Linear(3, 2), setup)
    pixels, rows = photos(4, 40), np.array([1, 3])
    version = ask.Version({"corruption": "fog", "severity": 3}, rows, pixels[rows])
    table = ask.ask(runs, version, known(), corruption.COLUMNS, CLASSES)
    assert seen == [2]
    assert table.columns.tolist() == [
        "task",
        "model",
        "split",
        "seed",
        "subset",
        "image_id",
        "group",
        "label",
        "corruption",
        "severity",
        "prob_sitting",
        "prob_standing",
    ]
    assert table["seed"].tolist() == [3, 3, 4, 4]
    assert table["image_id"].tolist() == ["p1", "p3"] * 2
    assert table["label"].tolist() == ["standing"] * 4
    assert table[
        ["task", "model", "split", "corruption", "severity"]
    ].drop_duplicates().values.tolist() == [["posture", "made_up", "holdout", "fog", 3]]
    for run, (_, told) in zip(runs.values(), table.groupby("seed"), strict=True):
        expected = run.probabilities(pixels[rows])
        np.testing.assert_allclose(told[["prob_sitting", "prob_standing"]], expected, atol=6e-9)
