"""The loader of a timm ViT with a linear layer that gives the joints of the person in a crop.

Rule pretrain makes one for the synthetic dataset. Its embedding has the form of BlazePose's, so
that the recipe pose takes either.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from stillact.config.backbones import Backbone as Block
from stillact.core.errors import InputError
from stillact.core.imports import without_compiler
from stillact.models import blazepose, weights
from stillact.models.backbones.base import LOCAL, Backbone, preprocessing, require, unknown
from stillact.models.backbones.blazepose import of_joints

PARTS = {  # joints of BlazePose, by the one of the same part of the body, without its side
    "shoulder": ("shoulder",),
    "elbow": ("elbow",),
    "hand": ("wrist", "pinky", "index", "thumb"),
    "hip": ("hip",),
    "knee": ("knee",),
    "ankle": ("ankle", "heel"),
    "toe": ("foot_index",),
}


class Joints(nn.Module):
    """The joints of the person in a crop: the means over it and its mirror image, mirrored back."""

    def __init__(self, tower: nn.Module, names: Sequence[str]):
        """A network with random weights.

        Args:
            tower: a timm ViT, without a classifier.
            names: of the joints, in the order of the linear layer's outputs: head, and the keys of
                `PARTS` with an l (left) or r (right) before; others are not used.
        """
        super().__init__()
        self.tower = tower
        self.linear = nn.Linear(tower.num_features, 2 * len(names))
        swapped = [{"l": "r", "r": "l"}.get(name[0], name[0]) + name[1:] for name in names]
        sides = [
            other if other in names else name for name, other in zip(names, swapped, strict=True)
        ]
        self.register_buffer(
            "_mirror", torch.tensor([names.index(name) for name in sides]), persistent=False
        )
        self.register_buffer(
            "_used",
            torch.tensor([names.index(_name(j)) for j in blazepose.JOINTS]),
            persistent=False,
        )

    def places(self, crops: torch.Tensor) -> torch.Tensor:
        """Column and row of each joint as shares of the crop's side, (batch, joints, 2), of
        normalised crops."""
        return self.linear(self.tower(crops)).unflatten(1, (-1, 2))

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        """As `blazepose.Landmarks`: (batch, 33 * 7 + 1). The probabilities are 1 and the world
        coordinates 0, as the network gives neither."""
        there, back = self.places(torch.cat([crops, crops.flip(3)])).unflatten(0, (2, -1)).unbind(0)
        back = back[:, self._mirror]
        mean = torch.stack([there[..., 0] + 1 - back[..., 0], there[..., 1] + back[..., 1]], -1) / 2
        xy = mean[:, self._used]
        known = torch.ones_like(xy[..., 0])
        return blazepose.packed(xy, known, known[:, 0])


def _name(joint: str) -> str:
    """The joint of this project's scenes that stands for one of BlazePose's."""
    side, _, part = joint.partition("_")
    for name, parts in PARTS.items():
        if part in parts:
            return side[0] + name
    return "head"


def load(block: Block, folder: Path) -> Backbone:
    """Load the backbone of a config block of the loader timm_pose, as for `loading.load`."""
    with without_compiler():
        import timm

    if block.name != LOCAL:
        unknown(block, [LOCAL])
    require(folder, "config.json")
    try:
        described = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        tower = timm.create_model(
            described["architecture"], num_classes=0, **described["model_args"]
        )
        network = Joints(tower, described["joints"])
        expected = described["pretrained_cfg"]
        how = preprocessing(
            folder,
            expected["input_size"][1:],
            expected["crop_mode"],
            expected["interpolation"],
            expected["mean"],
            expected["std"],
        )
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        raise InputError(
            f"{folder / 'config.json'} is not that of a ViT with joints ({error}); name a folder "
            "of rule pretrain"
        ) from None
    (file,) = weights.weight_files(block, folder)
    got = weights.read(file)
    weights.require_fit(file, block.name, *weights.differences(network.state_dict(), got))
    network.load_state_dict(got)
    return of_joints(network, how["size"], how["mean"], how["std"], how["interpolation"])
