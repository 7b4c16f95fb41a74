"""Multinomial logistic regression on standardised features of a person's pose."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import torch
from torch import nn

from stillact.core import arrays
from stillact.models import networks, pose, probe
from stillact.recipes import frozen
from stillact.recipes.pose.config import PosePlan
from stillact.training import loop
from stillact.training.jobs import Fitted, Parts, Setup, load_parts


def setup(plan: PosePlan, files: Mapping[str, Path], device: torch.device) -> Setup:
    """Set up linear layers on features scaled to mean 0 and standard deviation 1 on the training
    photos, with the parameters fitted by `probe.fit`.

    Args:
        plan: candidate penalties, inner folds.
        files: `embeddings_around` (npy), the joints of the person in each photo, and `index`, their
            rows (csv); `record`, the backbone's weights.json.
        device: device of inputs and networks.
    """
    (joints,) = (arrays.load(files[name]) for name in frozen.embedded_in(files))
    features = pose.features(torch.from_numpy(joints)).numpy()

    def parts(rows: pd.DataFrame) -> Parts:
        return load_parts(features, files["index"], rows, plan.classes, device)

    def network(train: loop.LabelledInputs | None) -> nn.Module:
        first = networks.Standardise(pose.WIDTH)
        if train is not None:
            first.fit(train.inputs)
        return nn.Sequential(first, nn.Linear(pose.WIDTH, len(plan.classes))).to(device)

    def fit(network: nn.Sequential, parts: dict[str, loop.LabelledInputs], *_) -> Fitted:
        train = parts["train"]
        scaled, labels = network[0](train.inputs).cpu().numpy(), train.labels.cpu().numpy()
        found = probe.fit(scaled, labels, len(plan.classes), plan.training)
        with torch.no_grad():
            network[1].weight.copy_(torch.from_numpy(found.weight))
            network[1].bias.copy_(torch.from_numpy(found.bias))
        return Fitted(found.search.to_dict("records"), {"c": found.c})

    def features_of(photos: torch.Tensor, backbone: nn.Module) -> torch.Tensor:
        return pose.features(backbone.encode_image(backbone.normalise(photos)))

    return Setup(
        parts,
        network,
        frozen.as_it_is,
        features_of,
        (frozen.facts(files).preprocessing.view("around"),),
        files["record"],
        fit=fit,
    )
