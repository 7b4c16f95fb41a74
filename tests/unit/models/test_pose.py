"""Features of a pose, of stick figures whose features are known."""

import math

import numpy as np
import pytest
import torch

from stillact.models import blazepose, pose

JOINTS = blazepose.JOINTS
USED = [
    "nose",
    *(
        f"{side}_{name}"
        for name in ("shoulder", "elbow", "wrist", "pinky", "index", "thumb")
        for side in ("left", "right")
    ),
    *(
        f"{side}_{name}"
        for name in ("hip", "knee", "ankle", "heel", "foot_index")
        for side in ("left", "right")
    ),
]
# The places of the features, in the order that `features` documents.
COUNTS = dict(
    points=46, world=69, visibility=23, angles=8, world_angles=8, legs=4, torso=2, score=1
)
# A figure seen from the front, in crops of side 1: its left is on the right. The torso is 0.25
# long and upright; the left leg is straight and the right knee bent by a right angle; the left arm
# is held out, and the right one hangs.
FIGURE = {
    "nose": (0.5, 0.1),
    "left_shoulder": (0.6, 0.25),
    "right_shoulder": (0.4, 0.25),
    "left_elbow": (0.75, 0.25),
    "right_elbow": (0.4, 0.4),
    "left_wrist": (0.9, 0.25),
    "right_wrist": (0.4, 0.5),
    "left_hip": (0.6, 0.5),
    "right_hip": (0.4, 0.5),
    "left_knee": (0.6, 0.75),
    "right_knee": (0.4, 0.75),
    "left_ankle": (0.6, 0.95),
    "right_ankle": (0.2, 0.75),
}


def packed(xy, world, visibility, score=0.75) -> torch.Tensor:
    """The output of `Landmarks` for one person: per joint x, y, visibility, presence and world."""
    presence = np.full((33, 1), 0.5)
    joints = np.concatenate([xy, np.reshape(visibility, (33, 1)), presence, world], 1)
    return torch.tensor([*joints.ravel(), score], dtype=torch.float32)[None]


def placed(figure: dict) -> np.ndarray:
    """Places of all joints, of which those that are not given are in the middle."""
    return np.array([figure.get(name, (0.5, 0.5)) for name in JOINTS])


def noise(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places, world coordinates and visibilities of a random pose."""
    rng = np.random.default_rng(seed)
    return rng.uniform(0.1, 0.9, (33, 2)), rng.normal(0, 0.4, (33, 3)), rng.uniform(0, 1, 33)


def parts(flat: torch.Tensor) -> dict[str, np.ndarray]:
    """The features of one person by part."""
    (found,) = pose.features(flat).numpy()
    edges = np.cumsum(list(COUNTS.values()))
    assert len(found) == edges[-1]
    return dict(zip(COUNTS, np.split(found, edges[:-1]), strict=True))


def angle(points: np.ndarray, *names: str) -> float:
    """The cosine of the angle at the second joint."""
    first, middle, last = (points[JOINTS.index(name)] for name in names)
    a, b = first - middle, last - middle
    return a @ b / math.sqrt((a @ a) * (b @ b))


def test_their_number():
    flat = torch.rand(5, 33 * 7 + 1)
    assert pose.features(flat).shape == (5, pose.WIDTH)
    assert pose.features(flat).dtype == torch.float32
    assert sum(COUNTS.values()) == pose.WIDTH == 161
    assert pose.features(flat[:0]).shape == (0, pose.WIDTH)


def test_the_features_of_a_stick_figure():
    _, world, visibility = noise()
    found = parts(packed(placed(FIGURE), world, visibility))
    points = found["points"].reshape(23, 2)
    for name, expected in {
        "nose": (0, -1.6),
        "left_shoulder": (0.4, -1),
        "right_hip": (-0.4, 0),
        "left_wrist": (1.6, -1),
        "left_ankle": (0.4, 1.8),
        "right_ankle": (-1.2, 1),
    }.items():
        assert points[USED.index(name)] == pytest.approx(expected, abs=1e-6), name
    order = [JOINTS.index(name) for name in USED]
    np.testing.assert_allclose(found["world"].reshape(23, 3), world[order], rtol=1e-6)
    np.testing.assert_allclose(found["visibility"], visibility[order], rtol=1e-6)
    # cosines at the knee, the hip, the elbow and the shoulder: of 180 degrees and of 90
    assert found["angles"] == pytest.approx([-1, -1, -1, 0, 0, -1, -1, 1], abs=1e-5)
    assert found["legs"] == pytest.approx([0.8, 0, 1.6, 0.8], abs=1e-6)
    assert found["torso"] == pytest.approx([0, -1])
    assert found["score"] == 0.75


def test_angles_in_the_crop_and_in_the_world():
    xy, world, visibility = noise(3)
    found = parts(packed(xy, world, visibility))
    for side, start in (("left", 0), ("right", 4)):
        for place, names in enumerate(
            [
                ("hip", "knee", "ankle"),
                ("shoulder", "hip", "knee"),
                ("shoulder", "elbow", "wrist"),
                ("elbow", "shoulder", "hip"),
            ]
        ):
            joints = [f"{side}_{name}" for name in names]
            for part, points in (("angles", xy), ("world_angles", world)):
                expected = angle(points, *joints)
                assert found[part][start + place] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("degrees", "direction"), [(90, (1, 0)), (180, (0, 1)), (-90, (-1, 0))])
def test_a_turned_person_has_another_direction_and_the_same_angles(degrees, direction):
    """Turned clockwise, as y is down."""
    _, world, visibility = noise()
    turn = math.radians(degrees)
    matrix = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    upright = placed(FIGURE)
    turned = (upright - 0.5) @ matrix.T + 0.5
    one, other = (parts(packed(xy, world, visibility)) for xy in (upright, turned))
    assert other["torso"] == pytest.approx(direction, abs=1e-6)
    np.testing.assert_allclose(other["angles"], one["angles"], atol=1e-5)
    rotated = one["points"].reshape(23, 2) @ matrix.T
    np.testing.assert_allclose(other["points"].reshape(23, 2), rotated, atol=1e-5)


@pytest.mark.parametrize("scale", [0.3, 1.0, 2.0])
def test_the_place_and_the_size_in_the_crop_do_not_matter(scale):
    for seed in range(5):
        xy, world, visibility = noise(seed)
        one = pose.features(packed(xy, world, visibility))
        other = pose.features(packed(scale * xy + [0.2, -0.3], world, visibility))
        torch.testing.assert_close(other, one, atol=1e-4, rtol=1e-4)


def test_a_mirrored_pose_has_left_and_right_exchanged():
    xy, world, visibility = noise(1)
    mirror = list(blazepose.MIRROR)
    mirrored = packed(
        (xy * [-1, 1] + [1, 0])[mirror], (world * [-1, 1, 1])[mirror], visibility[mirror]
    )
    one, other = parts(packed(xy, world, visibility)), parts(mirrored)
    exchanged = [
        USED.index(name.replace("left", "LEFT").replace("right", "left").replace("LEFT", "right"))
        for name in USED
    ]
    expected = {
        "points": (one["points"].reshape(23, 2)[exchanged] * [-1, 1]).ravel(),
        "world": (one["world"].reshape(23, 3)[exchanged] * [-1, 1, 1]).ravel(),
        "visibility": one["visibility"][exchanged],
        "angles": np.roll(one["angles"], 4),
        "world_angles": np.roll(one["world_angles"], 4),
        "legs": one["legs"],
        "torso": one["torso"] * [-1, 1],
        "score": one["score"],
    }
    for name, values in expected.items():
        np.testing.assert_allclose(other[name], values, atol=1e-4, err_msg=name)


def test_joints_at_one_place_give_finite_features():
    found = pose.features(packed(np.full((33, 2), 0.4), np.zeros((33, 3)), np.zeros(33), 0.0))
    assert torch.isfinite(found).all()
    assert not found.any()


def test_a_short_torso_does_not_magnify_noise():
    """Where hips and shoulders are a thousandth apart, points are in 32nds of the crop's side."""
    figure = {name: (x, 0.5 + (y - 0.5) / 250) for name, (x, y) in FIGURE.items()}
    _, world, visibility = noise()
    found = parts(packed(placed(figure), world, visibility))
    assert found["torso"] == pytest.approx([0, -32 / 1000], abs=1e-5)
    points = found["points"].reshape(23, 2)
    assert points[USED.index("left_wrist")] == pytest.approx((0.4 * 32, -0.032), abs=1e-4)


def test_a_crop_does_not_depend_on_the_others():
    flat = torch.cat([packed(*noise(seed), score=seed / 5) for seed in range(4)])
    alone = torch.cat([pose.features(row[None]) for row in flat])
    assert torch.equal(pose.features(flat), alone)
