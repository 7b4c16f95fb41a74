"""Training of a CNN or a fully connected network from random weights, on packed photos."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import torch
from torch import nn

from stillact.core import arrays
from stillact.data.preprocessing import Preprocessing
from stillact.models import networks
from stillact.models.precision import resolved
from stillact.recipes.from_scratch.config import FromScratchPlan
from stillact.training import augment
from stillact.training.jobs import Parts, Setup, load_parts


def setup(plan: FromScratchPlan, files: Mapping[str, Path], device: torch.device) -> Setup:
    """Set up networks on photos in [-1, 1].

    Args:
        plan: network, augmentations, training.
        files: `array` and `index`, packed photos (npy) and their rows (csv).
        device: device of inputs and networks.
    """
    photos = arrays.load(files["array"], "r")
    size = plan.training.size
    change = augment.build(plan.augment, size)

    def network(_) -> nn.Module:
        model = networks.build(plan.network, plan.matched, size, len(plan.classes))
        return model.to(device, memory_format=torch.channels_last)

    def prepare(images: torch.Tensor, training: bool) -> torch.Tensor:
        images = images.float() / 255
        images = change(images) if training else images
        return (images * 2 - 1).contiguous(memory_format=torch.channels_last)

    def parts(rows: pd.DataFrame) -> Parts:
        return load_parts(photos, files["index"], rows, plan.classes, device)

    return Setup(
        parts,
        network,
        prepare,
        features=lambda photos, _: photos,
        sees=(Preprocessing(size, plan.training.geometry),),
        # on a GPU these small networks wait for launches, of which autocast adds more
        precision=resolved(plan.precision, device, suits=device.type == "cpu"),
    )
