"""The loader of BlazePose: its embedding of a person is the positions of their joints."""

from pathlib import Path

from stillact.config.backbones import Backbone as Block
from stillact.models import blazepose
from stillact.models.backbones.base import Backbone, unknown

NAME = "pose_landmark_full"


def load(block: Block, folder: Path) -> Backbone:
    """Load the backbone of a config block of the loader blazepose, as for `loading.load`."""
    if block.name != NAME:
        unknown(block, [NAME])
    landmarks = blazepose.Landmarks(folder)
    preprocessing = {
        "size": blazepose.CROP,
        "geometry": "letterbox",
        "interpolation": "bicubic",
        "crop": 1.0,
        "mean": [0.0] * 3,
        "std": [1.0] * 3,
    }
    width = len(blazepose.JOINTS) * blazepose.VALUES + 1
    layers = {name: 0 for name, _ in landmarks.named_parameters()}
    return Backbone(landmarks, preprocessing, width, None, layers)
