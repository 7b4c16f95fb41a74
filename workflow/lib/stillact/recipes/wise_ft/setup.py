"""Interpolation between zero-shot and fine-tuned weights (WiSE-FT, arXiv 2109.01903)."""

import dataclasses
from collections.abc import Mapping

import torch
from torch import nn

from stillact.core.runs import Run
from stillact.models import weights
from stillact.recipes.fine_tune import setup as fine_tune
from stillact.recipes.wise_ft.config import WiseFTPlan
from stillact.training import loop
from stillact.training.jobs import Chosen, Files, Fitted, Setup, weights_of

State = Mapping[str, torch.Tensor]


def setup(plan: WiseFTPlan, files: Files, device: torch.device) -> Setup:
    """Set up classifiers with (1 - alpha) times the zero-shot weights plus alpha times those of the
    fine-tuned run with the same split and seed; alpha minimises the validation loss.

    Args:
        plan: plan of the fine-tuned model, and the number of steps of alpha.
        files: files of that model, and `weights`, those of its runs (list).
        device: device of inputs and networks.
    """
    base = fine_tune.setup(plan.of, files, device)

    def fit(
        network: nn.Module,
        parts: dict[str, loop.LabelledInputs],
        run: Run,
        chosen: Chosen | None,
    ) -> Fitted:
        start = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        end = weights.read(weights_of(files["weights"], run))
        history: list[dict] = []
        if chosen is not None:
            network.load_state_dict(between(start, end, chosen["alpha"]))
            return Fitted(history, {"alpha": chosen["alpha"]})
        for step in range(plan.training.steps + 1):
            alpha = step / plan.training.steps
            network.load_state_dict(between(start, end, alpha))
            metrics = loop.evaluate(network, parts["validation"], base.prepare)
            history.append({"alpha": alpha, **metrics})
        best = min(history, key=lambda row: row["validation_loss"])["alpha"]
        network.load_state_dict(between(start, end, best))
        return Fitted(history, {"alpha": best})

    return dataclasses.replace(base, fit=fit)


def between(start: State, end: State, alpha: float) -> dict[str, torch.Tensor]:
    """(1 - alpha) * start + alpha * end for each tensor; exact for alpha 0 and 1."""
    return {
        name: (1 - alpha) * tensor + alpha * end[name].to(tensor.device)
        for name, tensor in start.items()
    }
