"""BlazePose: people in photos, and the positions of 33 joints of a person.

Two networks of MediaPipe (Apache-2.0): one finds people in a photo, the other the joints in a
square around one person (Bazarevsky et al. 2020, arXiv:2006.10204; the coordinates in metres:
Grishchenko et al. 2022, arXiv:2206.11678). Their files are pose_detection.tflite and
pose_landmark_full.tflite in mediapipe/modules/ of the wheels mediapipe==0.10.21.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from stillact.core.errors import InputError
from stillact.core.imports import without_compiler
from stillact.models.tflite import Graph

JOINTS = (
    "nose",
    *("left_eye_inner", "left_eye", "left_eye_outer"),
    *("right_eye_inner", "right_eye", "right_eye_outer"),
    *("left_ear", "right_ear", "mouth_left", "mouth_right"),
    *("left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist"),
    *("left_pinky", "right_pinky", "left_index", "right_index", "left_thumb", "right_thumb"),
    *("left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"),
    *("left_heel", "right_heel", "left_foot_index", "right_foot_index"),
)
_SWAPPED = {"left": "right", "right": "left"}
# The index of the joint on the other side of the body; a joint in the middle is its own.
MIRROR = tuple(
    JOINTS.index("_".join(_SWAPPED.get(word, word) for word in joint.split("_")))
    for joint in JOINTS
)

CROP = 256  # side of a crop, pixels
POINTS = 39  # that the network gives: the joints, and six that MediaPipe uses in videos
VALUES = 7  # of a joint: x, y, visibility, presence, world x, y, z
_MIRRORED = (-1, 1, 1, 1, -1, 1, 1)  # factors of a joint's values that mirror it, but for x + 1

PHOTO = 224  # side of a letterboxed photo, pixels
GRIDS = ((8, 2), (16, 2), (32, 6))  # pixels per cell, detections per cell
DETECTIONS = sum((PHOTO // stride) ** 2 * per_cell for stride, per_cell in GRIDS)
OVERLAP = 0.3  # intersection over union from which two boxes are of the same person


@dataclass(frozen=True)
class Pose:
    """The output of `Landmarks` by parts, all float32.

    Attributes:
        xy: (batch, 33, 2), fractions of the crop's side, 0 to 1 inside the crop.
        visibility: (batch, 33), probability that the joint is in the crop and not hidden.
        presence: (batch, 33), probability that the joint is in the crop.
        world: (batch, 33, 3), x to the right, y down, z away from the camera, metres from the
            middle of the hips.
        score: (batch,), probability that the crop shows a person.
    """

    xy: torch.Tensor
    visibility: torch.Tensor
    presence: torch.Tensor
    world: torch.Tensor
    score: torch.Tensor


def unpacked(flat: torch.Tensor) -> Pose:
    """The parts of the output of `Landmarks`, float32 (batch, 33 * 7 + 1)."""
    joints = flat[:, :-1].unflatten(1, (len(JOINTS), VALUES))
    xy, visibility, presence, world = joints.split((2, 1, 1, 3), dim=2)
    return Pose(xy, visibility.squeeze(2), presence.squeeze(2), world, flat[:, -1])


def packed(xy: torch.Tensor, seen: torch.Tensor, score: torch.Tensor) -> torch.Tensor:
    """The output of a network without world coordinates, which are 0, in the form of `Landmarks`.

    Args:
        xy, score: as in `Pose`.
        seen: (batch, 33), both probabilities of each joint.
    """
    both = seen[..., None].expand(-1, -1, 2)
    world = xy.new_zeros(1).expand(*xy.shape[:2], 3)
    return torch.cat([torch.cat([xy, both, world], 2).flatten(1), score[:, None]], 1)


class Landmarks(nn.Module):
    """The joints of the person in a crop.

    They are the means over the crop and its mirror image, mirrored back.
    """

    def __init__(self, path: str | Path):
        """Read the network from pose_landmark_full.tflite.

        Raises:
            InputError: as for `Graph`, or it is another network.
        """
        super().__init__()
        self.network = Graph(path, ("Identity", "Identity_1", "Identity_4"))
        _require(path, self.network, CROP, [(POINTS * 5,), (1,), (POINTS * 3,)], "landmark")
        self.register_buffer("_mirror", torch.tensor(MIRROR), persistent=False)
        self.register_buffer("_factors", torch.tensor(_MIRRORED).float(), persistent=False)
        self.register_buffer("_offsets", torch.eye(VALUES)[0], persistent=False)

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        """Find the joints.

        Args:
            crops: float32 (batch, 3, 256, 256), RGB in [0, 1], a square around the person with a
                margin.

        Returns:
            float32 (batch, 33 * 7 + 1): per joint x, y, visibility, presence, world x, y, z, and
            last the score; see `Pose` and `unpacked`.
        """
        points, scores, world = self.network(torch.cat([crops, crops.flip(3)]))
        # x, y and z in pixels, the logits of visibility and presence
        joints = points.unflatten(1, (POINTS, 5))[:, : len(JOINTS)]
        metres = world.unflatten(1, (POINTS, 3))[:, : len(JOINTS)]
        values = torch.cat([joints[..., :2] / CROP, joints[..., 3:].sigmoid(), metres], 2)
        crop, mirrored = values.unflatten(0, (2, -1)).unbind(0)
        back = mirrored[:, self._mirror] * self._factors + self._offsets
        means = ((crop + back) / 2).flatten(1)
        return torch.cat([means, scores.unflatten(0, (2, -1)).mean(0)], 1)


class Detector(nn.Module):
    """The people in a photo: 2254 boxes, most of them of nobody; see `found`."""

    def __init__(self, path: str | Path):
        """Read the network from pose_detection.tflite.

        Raises:
            InputError: as for `Graph`, or it is another network.
        """
        super().__init__()
        self.network = Graph(path, ("Identity", "Identity_1"))
        _require(path, self.network, PHOTO, [(DETECTIONS, 12), (DETECTIONS, 1)], "detection")
        self.register_buffer("_anchors", anchors(), persistent=False)

    def forward(self, photos: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Find people.

        Args:
            photos: float32 (batch, 3, 224, 224), RGB in [-1, 1], each the whole photo, letterboxed.

        Returns:
            boxes: float32 (batch, 2254, 4), left, top, right, bottom, as fractions of the square's
                side; the square around the circle around the hips that the whole body is in. It may
                exceed the photo.
            scores: float32 (batch, 2254), probability of a person.
        """
        raw, logits = self.network(photos)
        # Of a detection: a box of the face, the middle of the hips, a point on the circle, two
        # points of the upper body; in pixels from the anchor.
        hips, rim = (raw[..., i : i + 2] / PHOTO + self._anchors for i in (4, 6))
        radius = (rim - hips).square().sum(2, keepdim=True).sqrt()
        boxes = torch.cat([hips - radius, hips + radius], 2)
        return boxes, logits.squeeze(2).clamp(-100, 100).sigmoid()


def anchors() -> torch.Tensor:
    """The points that detections are relative to: the centres of the cells of three grids, row by
    row, float32 (2254, 2): x, y, fractions of the photo's side."""
    found = []
    for stride, per_cell in GRIDS:
        cells = PHOTO // stride
        middles = (torch.arange(cells) + 0.5) / cells
        y, x = torch.meshgrid(middles, middles, indexing="ij")
        found.append(torch.stack([x, y], 2).reshape(-1, 2).repeat_interleave(per_cell, 0))
    return torch.cat(found)


def found(
    boxes: torch.Tensor, scores: torch.Tensor, min_score: float, most: int
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The people of each photo: of boxes that overlap, the most certain one.

    Args:
        boxes, scores: of `Detector`.
        min_score: boxes with a lower score are nobody.
        most: people per photo.

    Returns:
        Per photo boxes (people, 4) and scores (people,), the most certain person first.
    """
    with without_compiler():
        from torchvision.ops import nms

    people = []
    for of, certain in zip(boxes, scores, strict=True):
        likely = certain >= min_score
        of, certain = of[likely], certain[likely]
        kept = nms(of, certain, OVERLAP)[:most]
        people.append((of[kept], certain[kept]))
    return people


def _require(path: str | Path, graph: Graph, side: int, outputs: list, name: str) -> None:
    """Raise an InputError if a network has other inputs or outputs than BlazePose's."""
    expected = [(3, side, side), *outputs]
    shapes = [graph.input_shape, *graph.output_shapes.values()]
    if shapes != expected:
        raise InputError(
            f"{path}: not the {name} network of BlazePose: its input and outputs have the shapes "
            f"{shapes} instead of {expected}; use the file of mediapipe 0.10.21"
        )
