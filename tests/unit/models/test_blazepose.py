"""BlazePose against LiteRT on the same files, its mirror images, its ONNX export, and people."""

import os
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import torch
from PIL import Image

from stillact.core.errors import InputError
from stillact.inference import export
from stillact.models import blazepose as bp
from support.tflite_graphs import lite

ROOT = Path(__file__).parents[3]
MIRROR = list(bp.MIRROR)


@pytest.fixture(scope="module")
def landmarks(blazepose: Path) -> bp.Landmarks:
    return bp.Landmarks(blazepose / "pose_landmark_full.tflite").requires_grad_(False)


@pytest.fixture(scope="module")
def detector(blazepose: Path) -> bp.Detector:
    return bp.Detector(blazepose / "pose_detection.tflite").requires_grad_(False)


def photos(side: int, count: int = 5) -> torch.Tensor:
    """Smooth random colours, as of blurred photos, in [0, 1]."""
    made = torch.rand(count, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(made, size=(side, side), mode="bicubic").clamp(0, 1)


def test_the_joints_are_those_of_both_sides():
    assert len(bp.JOINTS) == len(set(bp.JOINTS)) == 33
    assert bp.JOINTS[MIRROR[bp.JOINTS.index("left_foot_index")]] == "right_foot_index"
    assert bp.JOINTS[MIRROR[bp.JOINTS.index("mouth_right")]] == "mouth_left"
    assert [joint for i, joint in enumerate(bp.JOINTS) if MIRROR[i] == i] == ["nose"]
    assert [MIRROR[i] for i in MIRROR] == list(range(33))


def one_sided(path: Path, crops: torch.Tensor) -> bp.Pose:
    """What LiteRT makes of crops, without their mirror images."""
    points, score, _, _, world = lite(path, crops)
    points, world = points.reshape(-1, 39, 5)[:, :33], world.reshape(-1, 39, 3)[:, :33]
    return bp.Pose(
        points[..., :2] / 256,
        points[..., 3].sigmoid(),
        points[..., 4].sigmoid(),
        world,
        score[:, 0],
    )


def test_landmarks_are_the_mean_of_litert_on_the_crop_and_on_its_mirror_image(blazepose, landmarks):
    crops, file = photos(256), blazepose / "pose_landmark_full.tflite"
    found = bp.unpacked(landmarks(crops))
    this, other = one_sided(file, crops), one_sided(file, crops.flip(3))
    x, y = other.xy[:, MIRROR].unbind(2)
    metres = other.world[:, MIRROR] * torch.tensor([-1, 1, 1])
    expected = {
        "xy": (this.xy + torch.stack([1 - x, y], 2)) / 2,
        "visibility": (this.visibility + other.visibility[:, MIRROR]) / 2,
        "presence": (this.presence + other.presence[:, MIRROR]) / 2,
        "world": (this.world + metres) / 2,
        "score": (this.score + other.score) / 2,
    }
    assert found.xy.std() > 0.05
    for name, values in expected.items():
        part = getattr(found, name)
        assert part.shape == values.shape, name
        # a hundredth of a pixel, and as small a part of the other values
        torch.testing.assert_close(part, values, atol=0.01 / 256, rtol=0)


def test_a_mirrored_crop_has_mirrored_landmarks(landmarks):
    crops = photos(256, 3)
    this, other = (bp.unpacked(landmarks(of)) for of in (crops, crops.flip(3)))
    torch.testing.assert_close(this.xy[..., 0], 1 - other.xy[:, MIRROR, 0])
    torch.testing.assert_close(this.xy[..., 1], other.xy[:, MIRROR, 1])
    torch.testing.assert_close(this.world[..., 0], -other.world[:, MIRROR, 0])
    torch.testing.assert_close(this.world[..., 1:], other.world[:, MIRROR, 1:])
    torch.testing.assert_close(this.visibility, other.visibility[:, MIRROR])
    torch.testing.assert_close(this.presence, other.presence[:, MIRROR])
    torch.testing.assert_close(this.score, other.score)


def test_detections_are_those_of_litert(blazepose, detector):
    given = photos(224) * 2 - 1
    boxes, scores = detector(given)
    assert (boxes.shape, scores.shape) == ((5, 2254, 4), (5, 2254))
    raw, logits = lite(blazepose / "pose_detection.tflite", given)
    torch.testing.assert_close(scores, logits[..., 0].sigmoid(), atol=1e-5, rtol=0)
    anchors, at = [], 0
    for stride, per_cell in ((8, 2), (16, 2), (32, 6)):
        cells = 224 // stride
        for place in range(cells**2 * per_cell):
            row, column = divmod(place // per_cell, cells)
            anchors.append([(column + 0.5) / cells, (row + 0.5) / cells])
    for at in (0, 57, 1567, 1568, 2000, 2253):
        hips, rim = raw[:, at, 4:6] / 224, raw[:, at, 6:8] / 224
        radius = torch.linalg.vector_norm(hips - rim, dim=1, keepdim=True)
        hips = hips + torch.tensor(anchors[at])
        expected = torch.cat([hips - radius, hips + radius], 1)
        torch.testing.assert_close(boxes[:, at], expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["landmarks", "detector"])
def test_a_batch_is_as_one_by_one(name, request):
    network = request.getfixturevalue(name)
    given = photos(network.network.input_shape[1], 3)
    together, alone = network(given), [network(photo[None]) for photo in given]
    if name == "landmarks":
        together, alone = [together], [[of] for of in alone]
    for part, *parts in zip(together, *alone, strict=True):
        torch.testing.assert_close(part, torch.cat(parts), atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ["landmarks", "detector"])
def test_onnx_runtime_gives_the_same(tmp_path, name, request):
    network = request.getfixturevalue(name)
    given = photos(network.network.input_shape[1], 3)
    shapes = ({0: torch.export.Dim("batch")},)
    program = export.exported(network.eval(), (given[:2],), shapes, ["photos"], [])
    program.save(tmp_path / "a.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "a.onnx", providers=["CPUExecutionProvider"])
    expected = network(given)
    expected = [expected] if name == "landmarks" else list(expected)
    for count in (1, 3):
        outputs = session.run(None, {"photos": given[:count].numpy()})
        for output, values in zip(outputs, expected, strict=True):
            np.testing.assert_allclose(output, values[:count].numpy(), atol=1e-4, rtol=0)


def test_boxes_that_overlap_are_one_person():
    boxes = torch.tensor(
        [[0, 0, 1, 1], [0, 0, 1, 0.9], [2, 0, 3, 1], [2.6, 0, 3.6, 1], [5, 5, 6, 6]]
    )
    scores = torch.tensor([[0.6, 0.9, 0.7, 0.8, 0.4], [0.1, 0.2, 0.3, 0.2, 0.1]])
    both = torch.stack([boxes, boxes])
    first, second = bp.found(both, scores, 0.5, 10)
    assert torch.equal(first[0], boxes[[1, 3, 2]])
    assert first[1].tolist() == pytest.approx([0.9, 0.8, 0.7])
    assert (second[0].shape, second[1].shape) == ((0, 4), (0,))
    ((kept, certain), _) = bp.found(both, scores, 0.5, 1)
    assert torch.equal(kept, boxes[[1]])
    assert certain.tolist() == pytest.approx([0.9])


def test_another_network_is_an_error(blazepose, tmp_path):
    landmark, detection = "pose_landmark_full.tflite", "pose_detection.tflite"
    with pytest.raises(InputError, match=f"{detection}: has no output Identity_4, but Identity, "):
        bp.Landmarks(blazepose / detection)
    told = rf"{landmark}: not the detection network of BlazePose: .* instead of \[\(3, 224, 224\)"
    with pytest.raises(InputError, match=told):
        bp.Detector(blazepose / landmark)
    content = (blazepose / landmark).read_bytes()
    (tmp_path / landmark).write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=f"{landmark}: a damaged or truncated .tflite file"):
        bp.Landmarks(tmp_path / landmark)


def squared(photo: Image.Image, box: tuple[float, ...], side: int) -> torch.Tensor:
    """A square of a photo, black beside it, float32 (3, side, side) in [0, 1]."""
    cut = photo.crop(tuple(round(place) for place in box)).resize((side, side))
    return torch.from_numpy(np.array(cut)).permute(2, 0, 1) / 255


@torch.no_grad()
def test_people_in_photographs_are_found_with_their_joints(detector, landmarks):
    """The people in photos of COCO with one box of a person, against that box."""
    root = os.environ.get("STILLACT_COCO")
    if not root:
        pytest.skip("STILLACT_COCO is not set: no real photographs here")
    table = pd.read_csv(ROOT / "data/coco_activities.csv")
    single = table[
        ~table["person_boxes"].str.contains(";") & (table["largest_person_fraction"] > 0.2)
    ]
    inside = []
    for row in single.sort_values("id").head(25).itertuples():
        photo = Image.open(Path(root, f"val2017/{row.id:012}.jpg")).convert("RGB")
        left, top = ((length - max(photo.size)) / 2 for length in photo.size)
        whole = (left, top, left + max(photo.size), top + max(photo.size))
        ((boxes, _),) = bp.found(*detector(squared(photo, whole, 224)[None] * 2 - 1), 0.5, 1)
        for found in boxes * max(photo.size) + torch.tensor([left, top, left, top]):
            pose = bp.unpacked(landmarks(squared(photo, found.tolist(), 256)[None]))
            places = found[:2] + pose.xy[0] * (found[2] - found[0])
            x, y, width, height = map(float, row.person_boxes.split())
            shown = places[pose.visibility[0] > 0.5]
            within = (shown >= torch.tensor([x, y])) & (
                shown <= torch.tensor([x + width, y + height])
            )
            inside.append(within.all(1).float().mean().item())
    print(len(inside), sorted(inside))
    assert len(inside) >= 20
    assert np.median(inside) > 0.9
