"""Features of a person's pose, from the joints that BlazePose finds."""

import torch

from stillact.models.blazepose import JOINTS, MIRROR, unpacked

# The nose, and the body from the shoulders down: the rest of the face says nothing of what a person
# does, and would outnumber it.
USED = [JOINTS.index("nose"), *range(JOINTS.index("left_shoulder"), len(JOINTS))]
# Joints whose angle at the middle one is a feature, on the left side.
LEFT_ANGLES = (
    ("left_hip", "left_knee", "left_ankle"),
    ("left_shoulder", "left_hip", "left_knee"),
    ("left_shoulder", "left_elbow", "left_wrist"),
    ("left_elbow", "left_shoulder", "left_hip"),
)
_LEFT = [[JOINTS.index(name) for name in names] for names in LEFT_ANGLES]
ANGLES = [*_LEFT, *([MIRROR[joint] for joint in joints] for joints in _LEFT)]
LEGS = ("knee", "ankle")
SHORTEST = 1 / 32  # of the crop's side: shorter torsos are of nobody, and would magnify noise

WIDTH = len(USED) * (2 + 3 + 1) + 2 * len(ANGLES) + 2 * len(LEGS) + 2 + 1


def features(flat: torch.Tensor) -> torch.Tensor:
    """Features of poses, float32 (photos, `WIDTH`), which do not depend on the size of the person
    or where in the crop they are.

    In this order: of each used joint x and y, relative to the middle of the hips, in lengths of the
    torso (from there to the middle of the shoulders); its world coordinates in metres; its
    visibility; the cosines of the joint angles in the crop and in the world; the distance of both
    knees and of both ankles, across and down; the direction of the torso; and the score. Where
    there is no person, the score is low, and the other features are what the network makes of the
    crop.

    Args:
        flat: of `blazepose.Landmarks`, float32 (photos, 232).
    """
    pose = unpacked(flat)
    shoulders, hips = (_middle(pose.xy, name) for name in ("shoulder", "hip"))
    torso = shoulders - hips
    length = torso.square().sum(1, keepdim=True).sqrt().clamp_min(SHORTEST)
    points = (pose.xy - hips[:, None]) / length[:, None]
    legs = [
        (points[:, JOINTS.index(f"left_{name}")] - points[:, JOINTS.index(f"right_{name}")]).abs()
        for name in LEGS
    ]
    parts = [
        points[:, USED].flatten(1),
        pose.world[:, USED].flatten(1),
        pose.visibility[:, USED],
        *(_cosines(points) for points in (pose.xy, pose.world)),
        *legs,
        torso / length,
        pose.score[:, None],
    ]
    return torch.cat(parts, 1)


def _middle(points: torch.Tensor, name: str) -> torch.Tensor:
    left, right = (points[:, JOINTS.index(f"{side}_{name}")] for side in ("left", "right"))
    return (left + right) / 2


def _cosines(points: torch.Tensor) -> torch.Tensor:
    """The cosines of `ANGLES`, (photos, angles), of points (photos, joints, dimensions)."""
    first, middle, last = (points[:, joints] for joints in zip(*ANGLES, strict=True))
    return torch.cosine_similarity(first - middle, last - middle, dim=2)
