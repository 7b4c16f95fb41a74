"""Multinomial logistic regression on the embeddings of a pretrained backbone."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from stillact.models import probe
from stillact.recipes import frozen
from stillact.recipes.linear_probe.config import LinearProbePlan
from stillact.training import loop
from stillact.training.jobs import Fitted, Setup


def setup(plan: LinearProbePlan, files: Mapping[str, Path], device: torch.device) -> Setup:
    """Set up linear layers with the parameters fitted by `probe.fit` on the training photos.

    Args:
        plan: candidate penalties, inner folds.
        files: as for `frozen.setup`.
        device: device of inputs and networks.
    """

    def network(_) -> nn.Module:
        width = frozen.facts(files).embedding_width * len(plan.sees)
        return nn.Linear(width, len(plan.classes)).to(device)

    def fit(network: nn.Linear, parts: dict[str, loop.LabelledInputs], *_) -> Fitted:
        train = parts["train"]
        features, labels = train.inputs.cpu().numpy(), train.labels.cpu().numpy()
        found = probe.fit(features, labels, len(plan.classes), plan.training)
        with torch.no_grad():
            network.weight.copy_(torch.from_numpy(found.weight))
            network.bias.copy_(torch.from_numpy(found.bias))
        return Fitted(found.search.to_dict("records"), {"c": found.c})

    return frozen.setup(
        plan.classes, files, device, network, fit, views=plan, precision=plan.precision
    )
