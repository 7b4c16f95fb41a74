"""ViTPose at full size with random weights, against transformers' own processing."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
import transformers
from PIL import Image

from stillact.config.backbones import Backbone
from stillact.core.errors import InputError
from stillact.inference.export import exported
from stillact.models import blazepose, pose
from stillact.models.backbones import loading, vitpose

NOISE = np.random.default_rng(0).integers(0, 256, (12, 9, 3), np.uint8)
PERSON = Image.fromarray(NOISE).resize((144, 192), Image.Resampling.BICUBIC)


def save(folder: Path, depth: int = 12, **settings) -> transformers.VitPoseForPoseEstimation:
    """A model of the size of usyd-community/vitpose-base-simple, which has a depth of 12."""
    torch.manual_seed(0)
    backbone = transformers.VitPoseBackboneConfig(
        num_hidden_layers=depth, out_features=[f"stage{depth}"]
    )
    config = transformers.VitPoseConfig(
        backbone_config=backbone, use_simple_decoder=True, **dict(num_labels=17) | settings
    )
    model = transformers.VitPoseForPoseEstimation(config).eval()
    with torch.no_grad():
        model.head.conv.weight *= 300  # random heatmaps of trained ones' range
    model.save_pretrained(folder)
    transformers.VitPoseImageProcessor().save_pretrained(folder)
    return model


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vitpose")
    return folder, save(folder)


def load(folder: Path):
    block = Backbone(loader="transformers", name="vitpose", weights=str(folder))
    return loading.load(block, folder)


@pytest.fixture(scope="module")
def found(saved):
    """The backbone; the person in a square with black beside them, as packed; its embedding."""
    backbone = load(saved[0])
    square = Image.new("RGB", (192, 192))
    square.paste(PERSON, (24, 0))
    packed = torch.from_numpy(np.array(square)).permute(2, 0, 1)[None]
    with torch.no_grad():
        return backbone, packed, backbone.encode_image(backbone.normalise(packed))


def test_heatmaps_are_transformers_own_for_the_same_pixels(saved, found):
    backbone, packed, _ = found
    framed = torch.zeros(1, 3, 256, 192, dtype=torch.uint8)
    framed[:, :, 32:224] = packed
    processor = transformers.AutoImageProcessor.from_pretrained(saved[0])
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (processor.image_mean, processor.image_std))
    pixels = (framed / 255 - mean) / std
    pairs = torch.tensor([[i, i + 1] for i in range(1, 17, 2)])
    with torch.no_grad():
        there = saved[1](pixels).heatmaps
        back = saved[1](pixels.flip(3), flip_pairs=pairs).heatmaps
        ours = backbone.image.heatmaps(backbone.normalise(packed))
    torch.testing.assert_close(ours, (there + back) / 2, atol=1e-4, rtol=1e-4)


def test_joints_are_those_of_transformers_post_processing(saved, found):
    """Its coordinates are of the middle of the outer cells: half a cell off, at most."""
    backbone, packed, flat = found
    with torch.no_grad():
        maps = backbone.image.heatmaps(backbone.normalise(packed))
    output = transformers.models.vitpose.modeling_vitpose.VitPoseEstimatorOutput(heatmaps=maps)
    processor = transformers.AutoImageProcessor.from_pretrained(saved[0])
    # a box whose crop, a quarter larger, is the framed input
    box = [[192 * 0.1, 256 * 0.1 - 32, 192 * 0.8, 256 * 0.8]]
    (image,) = processor.post_process_pose_estimation(output, boxes=[box], threshold=-1)
    theirs, scores = image[0]["keypoints"], image[0]["scores"]
    joints = blazepose.unpacked(flat)
    ours = [blazepose.JOINTS.index(name) for name in vitpose.JOINTS]
    apart = (joints.xy[0, ours] * 192 - theirs).abs()
    assert apart.max() < 4  # pixels: a cell
    torch.testing.assert_close(joints.visibility[0, ours], scores.clamp(0, 1).flatten())


def test_a_peak_is_found_where_it_is(found):
    backbone = found[0]
    maps = torch.zeros(1, 17, 64, 48)
    maps[0, :, 20, 30] = 0.9
    maps[0, :, 20, 31] = 0.5
    maps[0, :, 19, 30] = 0.2
    backbone.image.heatmaps = lambda crops: maps
    try:
        joints = blazepose.unpacked(backbone.image(torch.zeros(1, 3, 192, 192)))
    finally:
        del backbone.image.heatmaps
    expected = torch.tensor([(30.5 + 0.25) * 4 / 192, ((20.5 - 0.25) * 4 - 32) / 192])
    torch.testing.assert_close(joints.xy[0], expected.expand(33, 2))
    assert joints.score.item() == pytest.approx(0.9)
    assert (joints.world == 0).all()


def test_the_embedding_has_the_form_of_blazeposes(found):
    backbone, packed, flat = found
    assert (backbone.size, backbone.geometry, backbone.embedding_width) == (192, "letterbox", 232)
    assert flat.shape == (1, 232)
    assert pose.features(flat).isfinite().all()
    mirrored = backbone.encode_image(backbone.normalise(packed.flip(3))).detach()
    one, other = blazepose.unpacked(flat).xy, blazepose.unpacked(mirrored).xy
    back = other[:, list(blazepose.MIRROR)]
    torch.testing.assert_close(one[..., 0], 1 - back[..., 0], atol=1e-4, rtol=0)
    torch.testing.assert_close(one[..., 1], back[..., 1], atol=1e-4, rtol=0)


def test_every_joint_of_blazepose_has_one_of_coco():
    used = {joint: vitpose._nearest(joint) for joint in blazepose.JOINTS}
    assert set(used.values()) == set(vitpose.JOINTS)
    assert used["left_foot_index"] == "left_ankle"
    assert used["right_index"] == "right_wrist"
    assert used["mouth_left"] == "nose"


def test_another_vitpose_is_an_error(tmp_path):
    save(tmp_path, num_labels=21)
    with pytest.raises(InputError, match="does not give COCO's 17 joints by one expert"):
        load(tmp_path)


def test_its_graph_takes_any_number_of_photos(tmp_path):
    save(tmp_path, depth=1)
    backbone = load(tmp_path)
    photos = torch.randint(0, 256, (3, 3, 192, 192)).float()
    batch = ({0: torch.export.Dim("photos")},)
    program = exported(backbone.image, (photos[:2],), batch, ["photos"], ["joints"])
    program.save(tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    (made,) = session.run(None, {"photos": photos.numpy()})
    with torch.no_grad():
        np.testing.assert_allclose(made, backbone.image(photos).numpy(), atol=1e-4)
