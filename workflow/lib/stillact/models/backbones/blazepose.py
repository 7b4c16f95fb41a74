"""The loader of BlazePose: its embedding of a person is the positions of their joints."""

from collections.abc import Sequence
from pathlib import Path

from torch import nn

from stillact.config.backbones import Backbone as Block
from stillact.models import blazepose
from stillact.models.backbones.base import Backbone, unknown

NAME = "pose_landmark_full"


def load(block: Block, folder: Path) -> Backbone:
    """Load the backbone of a config block of the loader blazepose, as for `loading.load`."""
    if block.name != NAME:
        unknown(block, [NAME])
    return of_joints(blazepose.Landmarks(folder), blazepose.CROP, [0.0] * 3, [1.0] * 3)


def of_joints(
    network: nn.Module,
    size: int,
    mean: Sequence[float],
    std: Sequence[float],
    interpolation: str = "bicubic",
) -> Backbone:
    """The backbone of a network that gives joints in the form of `blazepose.Landmarks`.

    Args:
        network: takes normalised crops, which are letterboxed.
        size: side of the crops, pixels.
        mean, std, interpolation: as for `Backbone`.
    """
    how = dict(size=size, geometry="letterbox", interpolation=interpolation, crop=1.0)
    width = len(blazepose.JOINTS) * blazepose.VALUES + 1
    layers = {name: 0 for name, _ in network.named_parameters()}
    return Backbone(network, how | dict(mean=mean, std=std), width, None, layers)
