"""ViTPose of transformers (Xu et al. 2022, arXiv:2204.12484): the joints of the person in a crop.

Its embedding has the form of BlazePose's, so that the recipe pose takes either.
"""

from pathlib import Path

import torch
from torch import nn

from stillact.core.errors import InputError
from stillact.models import blazepose
from stillact.models.backbones.base import Backbone, image_processor
from stillact.models.backbones.blazepose import of_joints

# COCO's joints, in the order of the network's outputs.
SIDED = ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
JOINTS = ("nose", *(f"{side}_{part}" for part in SIDED for side in ("left", "right")))
MIRROR = (0, *(i + 1 if i % 2 else i - 1 for i in range(1, len(JOINTS))))
# COCO's joint for the parts of the body that only BlazePose has.
NEAREST = {"eye_inner": "eye", "eye_outer": "eye", "heel": "ankle", "foot_index": "ankle"}
NEAREST |= dict.fromkeys(("pinky", "index", "thumb"), "wrist")


class Keypoints(nn.Module):
    """The joints of the person in a square crop, which is as wide as the network's input and has
    black above and below: then no part of it is cut off."""

    def __init__(self, model: nn.Module, mean: list[float], std: list[float]):
        """
        Args:
            model: transformers' VitPoseForPoseEstimation.
            mean, std: of its preprocessing, RGB in [0, 1].
        """
        super().__init__()
        self.model = model
        self.height, self.width = model.config.backbone_config.image_size
        black = -torch.tensor(mean) / torch.tensor(std)
        self.register_buffer("_black", black.view(1, 3, 1, 1), persistent=False)
        self.register_buffer("_mirror", torch.tensor(MIRROR), persistent=False)
        used = [JOINTS.index(_nearest(joint)) for joint in blazepose.JOINTS]
        self.register_buffer("_used", torch.tensor(used), persistent=False)

    def heatmaps(self, crops: torch.Tensor) -> torch.Tensor:
        """The means over normalised crops, (batch, 3, width, width), and their mirror images, which
        are mirrored back: (batch, joints, rows, columns)."""
        above = (self.height - self.width) // 2
        bar = self._black.expand(crops.shape[0], -1, above, self.width)
        below = self._black.expand(crops.shape[0], -1, self.height - self.width - above, self.width)
        framed = torch.cat([bar, crops, below], 2)
        there, back = (
            self.model(torch.cat([framed, framed.flip(3)])).heatmaps.unflatten(0, (2, -1)).unbind(0)
        )
        return (there + back.flip(3)[:, self._mirror]) / 2

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        """As `blazepose.Landmarks`, of normalised crops: (batch, 33 * 7 + 1). Both probabilities of
        a joint are the maximum of its heatmap, and the score is their mean; there are no world
        coordinates, which are 0."""
        maps = self.heatmaps(crops)
        columns = maps.shape[3]
        highest, place = maps.flatten(2).max(2)
        cells = torch.stack([place % columns, place // columns], 2)
        size = torch.tensor([self.width, self.height], device=maps.device)
        grid = torch.tensor([columns, maps.shape[2]], device=maps.device)
        above = torch.tensor([0, (self.height - self.width) // 2], device=maps.device)
        xy = ((cells + 0.5 + _towards_neighbour(maps, cells)) * (size / grid) - above) / self.width
        seen = highest.clamp(0, 1)
        return blazepose.packed(xy[:, self._used], seen[:, self._used], seen.mean(1))


def _towards_neighbour(maps: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
    """A quarter of a cell towards the higher neighbour, along both axes, (batch, joints, 2); the
    refinement of Newell et al. (arXiv:1603.06937)."""
    padded = nn.functional.pad(maps, (1, 1, 1, 1), mode="replicate")
    rows = padded.shape[3]
    place = (cells[..., 1] + 1) * rows + cells[..., 0] + 1

    def value(offset: int) -> torch.Tensor:
        return padded.flatten(2).gather(2, (place + offset)[..., None]).squeeze(2)

    steps = [torch.sign(value(step) - value(-step)) for step in (1, rows)]
    return torch.stack(steps, 2) / 4


def _nearest(joint: str) -> str:
    side, _, part = joint.partition("_")
    named = f"{side}_{NEAREST.get(part, part)}"
    return named if named in JOINTS else "nose"


def of_transformers(model: nn.Module, folder: Path) -> Backbone:
    """The backbone of a VitPoseForPoseEstimation.

    Raises:
        InputError: it has other joints than COCO's, or several experts, or has no preprocessing.
    """
    if model.config.num_labels != len(JOINTS) or model.config.backbone_config.num_experts > 1:
        raise InputError(
            f"{folder}: this ViTPose does not give COCO's {len(JOINTS)} joints by one expert; use "
            "one such as usyd-community/vitpose-base-simple"
        )
    processor = image_processor(folder)
    mean, std = list(processor.image_mean), list(processor.image_std)
    network = Keypoints(model, mean, std)
    return of_joints(network, network.width, mean, std)
