"""The towers in data/towers, and how they get there and back."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image, ImageOps
from safetensors.torch import load_file
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from stillact.config.backbones import Backbone
from stillact.config.synthetic import Pretrain
from stillact.core.errors import InputError
from stillact.models import embed
from stillact.models.backbones import loading
from stillact.models.precision import NAMES
from stillact.models.prompts import normalised
from stillact.synthetic import rendering, shipped

ROOT = Path(__file__).parents[3]
RAW = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["pretrain"]
SETTINGS = Pretrain(**RAW)
CLASSES = {"walking_running": "walking", "sitting": "sitting", "standing": "standing"}
LOADERS = {"clip": "open_clip", "siglip": "open_clip", "vit": "timm", "pose": "timm_pose"}


def backbone(tower: str, folder: Path):
    shipped.unpack(tower, ROOT / f"data/towers/{tower}.safetensors", SETTINGS, folder)
    block = Backbone(loader=LOADERS[tower], name="local-dir:", weights=str(folder))
    return loading.load(block, folder)


@pytest.mark.parametrize("tower", LOADERS)
def test_every_tower_of_the_config_is_there(tmp_path, tower):
    assert backbone(tower, tmp_path).size == SETTINGS.size


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """Scenes that neither the towers nor a study have seen: pixels, and places in `CLASSES`."""
    folder = tmp_path_factory.mktemp("scenes")
    frame = rendering.write_dataset(folder, dict.fromkeys(CLASSES, 30), seed=999)
    photos = [
        ImageOps.fit(Image.open(folder / url).convert("RGB"), (SETTINGS.size, SETTINGS.size))
        for url in frame["url"]
    ]
    return np.stack(photos), frame["label"].map(list(CLASSES).index).to_numpy()


@pytest.mark.parametrize("tower", ["clip", "siglip"])
def test_a_shipped_tower_knows_the_activities_of_new_scenes(tmp_path, scenes, tower):
    """Zero-shot, as a freshly trained one; constant predictions are right for a third."""
    photos, labels = scenes
    model = backbone(tower, tmp_path)
    texts = embed.of_texts(model, [f"a person {word}" for word in CLASSES.values()])
    found = (normalised(embed.of_photos(model, photos)) @ normalised(texts).T).argmax(1)
    assert (found == labels).mean() > 0.55


@pytest.mark.parametrize("tower", ["clip", "siglip", "vit"])
def test_at_most_one_answer_of_a_probe_in_90_changes_in_bf16(tmp_path, scenes, tower):
    photos, labels = scenes
    answers = []
    for dtype, precision in NAMES.items():
        model = loading.converted(backbone(tower, tmp_path), precision)
        features = normalised(embed.of_photos(model, photos))
        assert next(model.image.parameters()).dtype == dtype
        answers.append(cross_val_predict(LogisticRegression(C=100), features, labels, cv=10))
    assert (answers[0] == labels).mean() > 0.5
    assert (answers[0] != answers[1]).sum() <= 1


def test_a_packed_tower_is_unpacked_to_the_same_but_for_rounding_and_other_tokens(tmp_path):
    backbone("clip", tmp_path / "clip")
    weights = tmp_path / "clip/open_clip_model.safetensors"
    tokens = np.array([5, 320, 49406])
    shipped.pack("clip", tmp_path / "clip", SETTINGS, tokens, tmp_path / "clip.safetensors")
    shipped.unpack("clip", tmp_path / "clip.safetensors", SETTINGS, tmp_path / "again")
    before, after = load_file(weights), load_file(tmp_path / "again" / weights.name)
    table = "token_embedding.weight"
    assert before.keys() == after.keys()
    for name in before:
        if name != table:
            assert torch.equal(before[name], after[name])  # rounded once already
    assert torch.equal(before[table][tokens], after[table][tokens])
    others = np.setdiff1d(np.arange(len(before[table])), tokens)
    assert not after[table][others].any()
    for file in (tmp_path / "clip").glob("*.json"):
        assert (tmp_path / "again" / file.name).read_text() == file.read_text()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"width": 64}, r"pretrain\.width: the clip in data/towers was trained with 128, not 64"),
        ({"scenes": 300}, r"pretrain\.scenes: .* 7500, not 300; set pretrain\.train: true"),
    ],
)
def test_other_settings_need_a_training(tmp_path, change, expected):
    settings = Pretrain(**RAW | change)
    file = ROOT / "data/towers/clip.safetensors"
    with pytest.raises(InputError, match=expected):
        shipped.unpack("clip", file, settings, tmp_path / "clip")
    assert not (tmp_path / "clip").exists()
