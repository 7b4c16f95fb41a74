"""Test-time augmentation: the mean of a trained model's logits over several views of a photo."""

import dataclasses

import pandas as pd
import torch
from torch import nn

from stillact.core import arrays
from stillact.core.runs import Run
from stillact.models import weights
from stillact.recipes import frozen
from stillact.recipes.setups import setup_of
from stillact.recipes.tta.config import TTAPlan
from stillact.training import loop
from stillact.training.jobs import Chosen, Files, Fitted, Parts, Setup, load_parts, weights_of
from stillact.training.trained import frozen_backbone

BATCH = 64  # photos per forward pass of a backbone
EVALUATED = ("validation", "test")


class Views(nn.Module):
    """The mean of a model's logits over the views of a photo."""

    def __init__(self, model: nn.Module, prepare: loop.Prepare):
        super().__init__()
        self.model, self.prepare = model, prepare

    def forward(self, views: torch.Tensor) -> torch.Tensor:
        """Logits (batch, classes) of the model's inputs (batch, views, ...), one view at a time."""
        logits = [self.model(self.prepare(view, False)) for view in views.unbind(1)]
        return torch.stack(logits).mean(0)


def setup(plan: TTAPlan, files: Files, device: torch.device) -> Setup:
    """Set up the model of another recipe, with the weights of its run with the same split and seed.

    Nothing is trained. The history has one row per view, with its performance alone on the
    validation photos, and one for their mean.

    Args:
        plan: plan of the model, and the views.
        files: files of that model, and `weights`, those of its runs (list); `whole`, the photos
            packed for its backbone (npy); `letterbox` and `person`, these views of them, if used;
            and `packed_index`, their rows (csv).
        device: device of inputs and networks.
    """
    base = setup_of(plan.of)(plan.of, files, device)

    def network(_) -> nn.Module:
        return Views(base.network(None), base.prepare)

    def parts(rows: pd.DataFrame) -> Parts:
        rows = rows[rows["subset"].isin(EVALUATED)]  # nothing is trained
        whole = base.parts(rows)
        if rows.empty:  # in a refit
            return whole
        views = [whole if view == "whole" else packed(view, rows) for view in plan.views]
        for subset in EVALUATED:
            part, table = whole[subset]
            inputs = torch.stack([view[subset][0].inputs for view in views], 1)
            whole[subset] = loop.LabelledInputs(inputs, part.labels), table
        return whole

    @torch.no_grad()
    def packed(view: str, rows: pd.DataFrame) -> Parts:
        """A view of each photo, as the model's inputs."""
        array = arrays.load(files["whole" if view == "flip" else view], "r")
        cpu = torch.device("cpu")
        loaded = load_parts(array, files["packed_index"], rows, plan.classes, cpu)
        for subset in EVALUATED:
            part, table = loaded[subset]
            photos = part.inputs.flip(-1) if view == "flip" else part.inputs
            backbone = frozen_backbone(base, device)
            converted = torch.cat(
                [base.inputs(batch.to(device), backbone) for batch in photos.split(BATCH)]
            )
            loaded[subset] = loop.LabelledInputs(converted, part.labels), table
        return loaded

    def inputs(photos: torch.Tensor, backbone: nn.Module | None) -> torch.Tensor:
        seen = dict(zip(plan.squares, photos.split(3, dim=1), strict=True))
        seen["flip"] = seen["whole"].flip(-1)
        return torch.stack([base.inputs(seen[view], backbone) for view in plan.views], 1)

    def fit(
        network: Views,
        parts: dict[str, loop.LabelledInputs],
        run: Run,
        chosen: Chosen | None,
    ) -> Fitted:
        network.model.load_state_dict(weights.read(weights_of(files["weights"], run)))
        if chosen is not None:
            return Fitted([], {})
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
        features=inputs,
        see=frozen.unchanged,
        sees=tuple(base.sees[0].view(view) for view in plan.squares),
        groups=None,
        precision="fp32",
        penalty=None,
        fit=fit,
    )


def as_they_are(views: torch.Tensor, training: bool) -> torch.Tensor:
    """Return the views unchanged; the network prepares each one."""
    return views
