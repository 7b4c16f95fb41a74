"""A trained model asked about several views of a photo; its logits are averaged."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from stillact.core.errors import InputError
from stillact.core.runs import Run
from stillact.models import weights
from stillact.recipes.setups import setup_of
from stillact.recipes.tta.config import TTAPlan
from stillact.training import loop
from stillact.training.jobs import Fitted, Parts, Setup, load_parts, weights_of
from stillact.training.trained import frozen_backbone

BATCH = 64  # photos that go through a backbone at a time
JUDGED = ("validation", "test")
# Views that packed photos no longer hold, and why.
PACKED = {
    "letterbox": "packed photos are cropped already",
    "person": "where their people are is not known",
}


class Views(nn.Module):
    """The mean of a model's logits over the views of a photo."""

    def __init__(self, model: nn.Module, prepare: loop.Prepare):
        super().__init__()
        self.model, self.prepare = model, prepare

    def forward(self, views: torch.Tensor) -> torch.Tensor:
        """Logits (batch, classes) of the model's inputs (batch, views, ...), a view at a time."""
        logits = [self.model(self.prepare(view, False)) for view in views.unbind(1)]
        return torch.stack(logits).mean(0)


def setup(plan: TTAPlan, files: Mapping[str, Path | list[Path]], device: torch.device) -> Setup:
    """The model of another recipe, with the weights of its run with the same split and seed.

    Nothing is trained. The history has a row a view: how it does alone on the validation photos;
    and one of their mean.

    Args:
        plan: of the model; which views.
        files: those of that model, and `weights`, its runs' (list); `photos` and `photos_index`,
            the photos packed for its backbone (npy) and their rows (csv); `letterbox` and `person`,
            these views of them (npy, the same rows), where they are asked for.
        device: where all is put.
    """
    base = setup_of(plan.of)(plan.of, files, device)

    def network(_) -> nn.Module:
        return Views(base.network(None), base.prepare)

    def parts(rows: pd.DataFrame) -> Parts:
        rows = rows[rows["subset"].isin(JUDGED)]  # nothing is trained
        made = base.parts(rows)
        views = [made if view == "whole" else packed(view, rows) for view in plan.views]
        for subset in JUDGED:
            part, table = made[subset]
            inputs = torch.stack([view[subset][0].inputs for view in views], 1)
            made[subset] = loop.LabelledInputs(inputs, part.labels), table
        return made

    @torch.no_grad()
    def packed(view: str, rows: pd.DataFrame) -> Parts:
        """A view of each photo, as the model's inputs."""
        array = np.load(files["photos" if view == "flip" else view], mmap_mode="r")
        cpu = torch.device("cpu")
        made = load_parts(array, files["photos_index"], rows, plan.classes, cpu)
        for subset in JUDGED:
            part, table = made[subset]
            photos = part.inputs.flip(-1) if view == "flip" else part.inputs
            backbone = frozen_backbone(base, device)
            seen = torch.cat(
                [base.inputs(some.to(device), backbone) for some in photos.split(BATCH)]
            )
            made[subset] = loop.LabelledInputs(seen, part.labels), table
        return made

    def inputs(photos: torch.Tensor, backbone: nn.Module | None) -> torch.Tensor:
        for view in plan.views:
            if view in PACKED:
                raise InputError(
                    f"views: {view} cannot be had of photos that are not the study's, for "
                    f"{PACKED[view]}; ask a model without it"
                )
        seen = {"whole": photos, "flip": photos.flip(-1)}
        return torch.stack([base.inputs(seen[view], backbone) for view in plan.views], 1)

    def fit(network: Views, parts: dict[str, loop.LabelledInputs], run: Run) -> Fitted:
        network.model.load_state_dict(weights.read(weights_of(files["weights"], run)))
        part = parts["validation"]
        history = []
        for place, view in enumerate(plan.views):
            alone = loop.LabelledInputs(part.inputs[:, place], part.labels)
            history.append({"view": view, **loop.evaluate(network.model, alone, base.prepare)})
        history.append({"view": "mean", **loop.evaluate(network, part, as_they_are)})
        return Fitted(history, {})

    return dataclasses.replace(
        base,
        parts=parts,
        network=network,
        prepare=as_they_are,
        inputs=inputs,
        groups=None,
        precision="fp32",
        penalty=None,
        fit=fit,
    )


def as_they_are(views: torch.Tensor, training: bool) -> torch.Tensor:
    """The network prepares a view at a time."""
    return views
