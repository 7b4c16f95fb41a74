"""The tiny towers: their scenes, their targets, and that the study's own loaders read them."""

import copy
import hashlib
import math
from pathlib import Path

import numpy as np
import open_clip
import pytest
import timm
import torch
from safetensors.torch import load_file
from torch import nn

from stillact.config.backbones import Backbone
from stillact.config.synthetic import Pretrain, Tower
from stillact.models.backbones import base, loading
from stillact.synthetic import captioned, limbs, pretrain, rendering

TOWERS = ["vit", "clip", "siglip"]
SCENES = 24


def settings(epochs: int = 2, rate: float = 1e-3) -> Pretrain:
    return Pretrain(
        scenes=SCENES,
        shards=2,
        seed=0,
        size=32,
        width=32,
        layers=1,
        text_width=32,
        text_layers=1,
        batch_size=8,
        weight_decay=0.1,
        towers={tower: Tower(epochs=epochs, learning_rate=rate) for tower in TOWERS},
    )


def shards(folder: Path) -> tuple[list[Path], list[Path]]:
    arrays, tables = ([folder / f"{i}.{kind}" for i in range(2)] for kind in ("npz", "csv"))
    for i in range(2):
        captioned.render_shard(SCENES, 0, 32, (i, 2), arrays[i], tables[i])
    return arrays, tables


@pytest.fixture(scope="module")
def rendered(tmp_path_factory) -> tuple[list[Path], list[Path]]:
    return shards(tmp_path_factory.mktemp("scenes"))


@pytest.fixture(scope="module")
def scenes(rendered) -> pretrain.Scenes:
    return pretrain.load_scenes(*rendered)


@pytest.fixture(scope="module")
def trained(scenes, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("towers")
    for tower in TOWERS:
        pretrain.train(tower, settings(), scenes, folder / tower, start=folder / "vit")
    return folder


def loaded(folder: Path) -> base.Backbone:
    loader = "timm" if folder.name == "vit" else "open_clip"
    return loading.load(Backbone(loader=loader, name="local-dir:", weights=str(folder)), folder)


# scenes


def test_scenes_are_the_same_each_time(rendered, tmp_path):
    shards(tmp_path)
    for one in (*rendered[0], *rendered[1]):
        assert (tmp_path / one.name).read_bytes() == one.read_bytes()


def test_no_scene_of_a_dataset_is_among_them():
    def of_dataset(seed: int, label: str, index: int) -> tuple[str, int]:
        digest = hashlib.sha256(f"{seed}/{label}/{index}".encode()).hexdigest()
        return label, int(digest[-12:], 16)

    mine = {captioned.scene_of(index, seed) for seed in range(3) for index in range(3000)}
    assert len(mine) == 9000
    assert not mine & {
        of_dataset(seed, label, i)
        for seed in range(3)
        for label in rendering.LABELS
        for i in range(999)
    }


def test_scene_of_a_dataset_is_what_the_test_above_takes_it_for(tmp_path):
    (row,) = rendering.write_dataset(tmp_path, {"sitting": 1}, seed=5).itertuples()
    digest = hashlib.sha256(b"5/sitting/0").hexdigest()
    assert row.id == f"stage_{digest[:12]}"
    assert row.caption == rendering.render("sitting", int(digest[-12:], 16)).caption


def test_shards_are_joined_in_the_order_of_the_scenes(scenes):
    assert scenes.images.shape == (SCENES, 3, 32, 32)
    assert scenes.images.dtype == torch.uint8
    assert scenes.rows["scene"].tolist() == list(range(SCENES))
    for index in (0, 1, 5):
        shown = rendering.render(*captioned.scene_of(index, 0), longest=64)
        assert scenes.rows.iloc[index]["caption_1"] == shown.caption
        # a joint of the middle square, back in px of the picture
        offset = (np.array(shown.image.size) - min(shown.image.size)) / 2
        place = scenes.joints[index, captioned.JOINTS.index("rknee")].numpy()
        assert place * min(shown.image.size) + offset == pytest.approx(shown.joints["rknee"])


def test_rows_tell_captions_and_attributes_and_no_label(scenes):
    assert set(scenes.rows) == {"scene", *pretrain.CAPTIONS, *pretrain.ATTRIBUTES}
    assert pretrain.CAPTIONS == captioned.CAPTIONS
    assert [*rendering.render("sitting", 0).attributes] == pretrain.ATTRIBUTES


def test_captions_fit_the_context():
    words = open_clip.SimpleTokenizer(context_length=77)
    texts = [text for seed in range(100) for text in rendering.render("sitting", seed, 64).captions]
    assert (words(texts) != 0).sum(dim=1).max() < pretrain.CONTEXT


# targets


def joints_at(**places: tuple[float, float]) -> torch.Tensor:
    """One scene whose other joints all lie far outside the picture."""
    joints = torch.full((1, 18, 2), -9.0)
    for name, place in places.items():
        joints[0, captioned.JOINTS.index(name)] = torch.tensor(place)
    return joints


HEAD, TORSO, UPPER_ARM, FOREARM, THIGH, SHIN, FOOT = range(7)


@pytest.mark.parametrize(
    ("kind", "ends"),
    [
        (HEAD, ("neck", "head")),
        (TORSO, ("pelvis", "chest")),
        (UPPER_ARM, ("lshoulder", "lelbow")),
        (FOREARM, ("relbow", "rhand")),
        (THIGH, ("rhip", "rknee")),
        (SHIN, ("lknee", "lankle")),
        (FOOT, ("rankle", "rtoe")),
    ],
)
@pytest.mark.parametrize(
    ("along", "cosine", "sine"),
    [((0.25, 0), 1, 0), ((-0.25, 0), 1, 0), ((0, 0.25), -1, 0), ((0.2, 0.2), 0, 1)],
)
def test_a_limb_tells_its_length_and_direction(kind, ends, along, cosine, sine):
    joints = joints_at(**{ends[0]: (0.5, 0.5), ends[1]: (0.5 + along[0], 0.5 + along[1])})
    told = limbs.fields(joints, grid=8).sum(dim=1).view(7, 3)
    length = 8 * math.hypot(*along)  # in patches
    assert told[kind].tolist() == pytest.approx([length, length * cosine, length * sine], abs=1e-4)


def test_a_limb_is_told_in_the_patches_where_it_lies():
    # Along the middle of the second row of a 4 by 4 grid, from the first column's middle to the
    # fourth's, three patches long; points at a quarter of a patch from their ends' middles.
    fields = limbs.fields(joints_at(pelvis=(0.125, 0.375), chest=(0.875, 0.375)), grid=4)
    length = fields.view(4, 4, 7, 3)[..., TORSO, 0]
    assert length[[0, 2, 3]].abs().max() == 0
    assert length[1].tolist() == pytest.approx([0.5, 1, 1, 0.5])


def test_mirrored_targets_are_those_of_mirrored_joints(scenes):
    joints = scenes.joints
    mirrored = limbs.mirrored(joints)
    left, right = (captioned.JOINTS.index(name) for name in ("lhand", "rhand"))
    assert torch.equal(mirrored[:, left, 0], 1 - joints[:, right, 0])
    assert torch.equal(mirrored[:, left, 1], joints[:, right, 1])
    assert torch.allclose(
        limbs.fields(mirrored, 6), limbs.mirrored_fields(limbs.fields(joints, 6), 6), atol=1e-4
    )


def test_positions_are_all_different_and_neighbours_alike():
    places = nn.functional.normalize(pretrain.sines(6, 128), dim=1)
    alike = places @ places.T
    assert (alike - 2 * torch.eye(36)).max() < 0.999
    assert alike[0, 1] > alike[0, 5]
    assert alike[0, 6] > alike[0, 30]


# towers


@pytest.mark.parametrize("tower", TOWERS)
def test_a_tower_is_loaded_as_any_weights_are(trained, tower):
    backbone = loaded(trained / tower)
    assert (backbone.size, backbone.embedding_width) == (32, 32)
    assert (backbone.mean, backbone.std) == ((0.5,) * 3, (0.5,) * 3)
    assert len(backbone.blocks()) == 1
    pictures = torch.randint(256, (2, 3, 32, 32), dtype=torch.uint8)
    with torch.no_grad():
        assert backbone.encode_image(backbone.normalise(pictures)).shape == (2, 32)
        assert backbone.has_text == (tower != "vit")
        if backbone.has_text:
            assert backbone.encode_text(["a person sitting"]).shape == (1, 32)


@pytest.mark.parametrize("tower", ["clip", "siglip"])
def test_open_clip_itself_loads_what_was_saved(trained, tower):
    model = open_clip.create_model(f"local-dir:{trained / tower}").eval()
    kinds = {"clip": open_clip.CLIP, "siglip": open_clip.CustomTextCLIP}
    assert type(model) is kinds[tower]
    pooled = model.visual.attn_pool is not None
    assert pooled == (tower == "siglip")
    saved = load_file(trained / tower / "open_clip_model.safetensors")
    assert {k: v.shape for k, v in saved.items()} == {
        k: v.shape for k, v in model.state_dict().items()
    }
    pictures = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        ours = loaded(trained / tower).encode_image(pictures)
        assert torch.allclose(model.encode_image(pictures), ours, atol=1e-5)


def test_the_weights_of_timm_give_the_same_in_open_clip():
    torch.manual_seed(0)
    shape = {"img_size": 32, "embed_dim": 32, "depth": 2, "num_heads": 1, "num_classes": 0}
    vit = timm.create_model(pretrain.ARCHITECTURE, **shape).eval()
    for parameter in vit.parameters():  # norms and biases start as ones and zeros
        nn.init.normal_(parameter, std=0.3)
    config = pretrain.model_config("clip", settings().model_copy(update={"layers": 2}))
    image = open_clip.CLIP(**config).visual.eval()
    image.load_state_dict({**pretrain.open_clip_names(vit.state_dict()), "proj": torch.eye(32)})
    pictures = torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        assert torch.allclose(image(pictures), vit(pictures), atol=1e-5)


@pytest.mark.parametrize("tower", ["clip", "siglip"])
def test_contrastive_towers_start_from_the_vit(scenes, trained, tmp_path, tower):
    pretrain.train(tower, settings(1, 1e-12), scenes, tmp_path, start=trained / "vit")
    start = pretrain.open_clip_names(load_file(trained / "vit/model.safetensors"))
    got = load_file(tmp_path / "open_clip_model.safetensors")
    kept = [name for name in start if tower == "clip" or not name.startswith("ln_post.")]
    assert len(kept) >= len(start) - 2
    for name in kept:
        assert torch.allclose(got[f"visual.{name}"], start[name], atol=1e-6), name


@pytest.mark.parametrize("tower", TOWERS)
def test_training_twice_gives_the_same_files(scenes, trained, tmp_path, tower):
    pretrain.train(tower, settings(), scenes, tmp_path, start=trained / "vit")
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {path.name for path in (trained / tower).iterdir()}
    for name in names:
        assert (tmp_path / name).read_bytes() == (trained / tower / name).read_bytes(), name


@pytest.mark.parametrize("tower", TOWERS)
def test_training_learns_the_scenes(scenes, trained, tmp_path, tower):
    history = pretrain.train(tower, settings(30, 3e-3), scenes, tmp_path, start=trained / "vit")
    assert history["epoch"].tolist() == list(range(1, 31))
    assert history["loss"].iloc[-1] < 0.85 * history["loss"].iloc[0]


def test_muon_is_torchs_but_for_its_precision(monkeypatch):
    monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.clone)
    torch.manual_seed(0)
    ours = nn.ParameterList([torch.randn(48, 16), torch.randn(16, 16), torch.randn(16, 64)])
    theirs = copy.deepcopy(ours)
    torchs = torch.optim.Muon(theirs, 0.01, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    optimisers = [pretrain.Muon(ours, 0.01, 0.1), torchs]
    start = [matrix.detach().clone() for matrix in ours]
    for _ in range(5):
        for mine, other in zip(ours, theirs, strict=True):
            mine.grad = torch.randn_like(mine)
            other.grad = mine.grad.clone()
        for optimiser in optimisers:
            optimiser.step()
    for mine, other, before in zip(ours, theirs, start, strict=True):
        assert (mine - before).abs().max() > 0.01
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-5)
