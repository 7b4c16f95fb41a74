"""The network of joints of the synthetic dataset, on a few small scenes."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from stillact.config.backbones import Backbone
from stillact.config.synthetic import Pretrain, Tower
from stillact.core.errors import InputError
from stillact.models import blazepose, pose
from stillact.models.backbones import loading
from stillact.synthetic import captioned, limbs, pretrain, pretrain_pose, rendering

SIZE, SCENES = 32, 48


def settings(epochs: int) -> Pretrain:
    tower = Tower(epochs=epochs, learning_rate=0.002)
    sizes = dict(scenes=SCENES, shards=1, seed=0, size=SIZE, width=32, layers=1, text_width=32)
    more = dict(text_layers=1, batch_size=16, weight_decay=0.1)
    return Pretrain(**sizes, **more, towers={"vit": tower, "pose": tower})


@pytest.fixture(scope="module")
def scenes(tmp_path_factory) -> pretrain.Scenes:
    folder = tmp_path_factory.mktemp("scenes")
    captioned.render_shard(SCENES, 0, SIZE, (0, 1), folder / "0.npz", folder / "0.csv")
    return pretrain.load_scenes([folder / "0.npz"], [folder / "0.csv"])


@pytest.fixture(scope="module")
def trained(scenes, tmp_path_factory) -> tuple[Path, list[float]]:
    """The folder of the network of joints, and its losses."""
    folder = tmp_path_factory.mktemp("towers")
    pretrain.train("vit", settings(1), scenes, folder / "vit")
    history = pretrain.train("pose", settings(30), scenes, folder / "pose", start=folder / "vit")
    return folder / "pose", history["loss"].tolist()


def load(folder: Path):
    block = Backbone(loader="timm_pose", name="local-dir:", weights=str(folder))
    return loading.load(block, folder)


def test_it_learns_the_places_of_joints(trained):
    losses = trained[1]
    assert losses[-1] < 0.6 * losses[0]


def test_the_saved_network_has_the_form_of_blazepose(trained, scenes):
    backbone = load(trained[0])
    assert (backbone.size, backbone.geometry) == (SIZE, "letterbox")
    assert backbone.embedding_width == 33 * 7 + 1
    with torch.no_grad():
        crops = backbone.normalise(scenes.images[:5])
        flat = backbone.encode_image(crops)
        there, back = backbone.image.places(crops), backbone.image.places(crops.flip(3))
    found = blazepose.unpacked(flat)
    assert found.visibility.eq(1).all()
    assert found.world.eq(0).all()
    assert found.score.eq(1).all()
    # each joint by hand, the mean over the picture and its mirror image
    names = captioned.JOINTS
    for joint, own, other in (
        ("left_wrist", "lhand", "rhand"),
        ("right_heel", "rankle", "lankle"),
        ("nose", "head", "head"),
    ):
        column, row = there[:, names.index(own)].unbind(1)
        mirrored, same = back[:, names.index(other)].unbind(1)
        expected = torch.stack([(column + 1 - mirrored) / 2, (row + same) / 2], 1)
        torch.testing.assert_close(found.xy[:, blazepose.JOINTS.index(joint)], expected)
    features = pose.features(flat)
    assert features.shape == (5, pose.WIDTH)
    assert features.isfinite().all()


def test_mirrored_crops_have_mirrored_joints(trained, scenes):
    backbone = load(trained[0])
    with torch.no_grad():
        crops = backbone.normalise(scenes.images[:5])
        one, other = (blazepose.unpacked(backbone.encode_image(c)) for c in (crops, crops.flip(3)))
    back = other.xy[:, list(blazepose.MIRROR)]
    torch.testing.assert_close(one.xy[..., 0], 1 - back[..., 0], atol=1e-5, rtol=0)
    torch.testing.assert_close(one.xy[..., 1], back[..., 1], atol=1e-5, rtol=0)


def test_a_crop_is_the_square_around_the_joints(monkeypatch):
    """Against Pillow's crop of the same square, without jitter."""
    monkeypatch.setattr(pretrain_pose, "JITTER", 0)
    shown = rendering.render("standing", 3, longest=200)
    side = min(shown.image.size)
    image = shown.image.crop((0, 0, side, side))
    joints = torch.tensor([[shown.joints[name] for name in captioned.JOINTS]]).float() / side
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] / 127.5 - 1
    crops, places = pretrain_pose.cropped(pixels, joints)
    seen = joints[0].clamp(0, 1) * side
    low, high = seen.min(0).values, seen.max(0).values
    extent = float((high - low).max()) * (1 + 2 * 0.08) * 1.3
    corner = ((low + high - extent) / 2).tolist()
    box = (*corner, corner[0] + extent, corner[1] + extent)
    expected = image.transform((side, side), Image.Transform.EXTENT, box, Image.Resampling.BILINEAR)
    apart = ((crops[0] + 1) * 127.5 - torch.from_numpy(np.array(expected)).permute(2, 0, 1)).abs()
    inside = slice(side // 10, -side // 10)
    assert apart[:, inside, inside].mean() < 2
    where = (joints[0] * side - torch.tensor(corner)) / extent
    torch.testing.assert_close(places[0], where, atol=1e-4, rtol=0)


def test_jitter_moves_the_crop_and_its_joints_alike():
    torch.manual_seed(0)
    joints = torch.rand(8, 18, 2) * 0.4 + 0.3
    images = torch.zeros(8, 3, SIZE, SIZE)
    places = [pretrain_pose.cropped(images, joints)[1] for _ in range(2)]
    assert not torch.allclose(*places, atol=1e-2)
    for found in places:  # all within the crop, and of the same shape
        assert ((found > 0) & (found < 1)).all()
        ratio = (found[:, 1] - found[:, 0]) / (joints[:, 1] - joints[:, 0])
        torch.testing.assert_close(ratio[:, 0], ratio[:, 1])


def test_left_and_right_are_those_of_the_renderer():
    assert [captioned.JOINTS[i] for i in limbs.MIRRORED] == [
        {"l": "r", "r": "l"}.get(name[0], name[0]) + name[1:] for name in captioned.JOINTS
    ]


def test_a_folder_of_something_else_is_an_error(trained, tmp_path):
    with pytest.raises(InputError, match=r"has no config\.json"):
        load(tmp_path)
    config = json.loads((trained[0] / "config.json").read_text())
    del config["joints"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(
        InputError, match=r"config\.json is not that of a ViT with joints \('joints'"
    ):
        load(tmp_path)
