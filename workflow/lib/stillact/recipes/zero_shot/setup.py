"""Zero-shot classification: the class whose prompts are most similar to the photo."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from stillact.core.runs import Run
from stillact.recipes import frozen
from stillact.recipes.zero_shot.config import ZeroShotPlan
from stillact.training import loop
from stillact.training.jobs import Chosen, Fitted, Setup


def setup(plan: ZeroShotPlan, files: Mapping[str, Path], device: torch.device) -> Setup:
    """Set up linear layers that compute cosine similarities times the logit scale, as in CLIP
    (arXiv 2103.00020, section 3.1).

    Args:
        plan: prompts.
        files: as for `frozen.setup` and `frozen.text_rows`.
        device: device of inputs and networks.
    """
    rows = frozen.text_rows(files, plan.classes)

    def network(_) -> nn.Module:
        layer = nn.Linear(rows.shape[1], len(rows), bias=False)
        layer.weight = nn.Parameter(rows.clone())
        return layer.to(device)

    def fit(
        network: nn.Module, parts: dict[str, loop.LabelledInputs], run: Run, chosen: Chosen | None
    ) -> Fitted:
        if chosen is not None:
            return Fitted([], {})
        return Fitted([loop.evaluate(network, parts["validation"], frozen.as_it_is)], {})

    return frozen.setup(plan.classes, files, device, network, fit, precision=plan.precision)
