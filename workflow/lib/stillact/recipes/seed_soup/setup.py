"""The mean of the weights of several seeds (model soups, arXiv 2203.05482: a uniform soup)."""

import dataclasses
from collections.abc import Iterable, Mapping

import torch
from torch import nn

from stillact.core.runs import Run
from stillact.models import weights
from stillact.recipes.fine_tune import setup as fine_tune
from stillact.recipes.seed_soup.config import SeedSoupPlan
from stillact.training import loop
from stillact.training.jobs import Chosen, Files, Fitted, Setup


def setup(plan: SeedSoupPlan, files: Files, device: torch.device) -> Setup:
    """Set up classifiers with the mean of the weights of all seeds, which share their start.

    Args:
        plan: plan of the fine-tuned model.
        files: files of that model, and `weights`, those of its runs (list).
        device: device of inputs and networks.
    """
    base = fine_tune.setup(plan.of, files, device)

    def fit(
        network: nn.Module, parts: dict[str, loop.LabelledInputs], run: Run, chosen: Chosen | None
    ) -> Fitted:
        network.load_state_dict(mean(weights.read(path) for path in files["weights"]))
        if chosen is not None:
            return Fitted([], {})
        return Fitted([loop.evaluate(network, parts["validation"], base.prepare)], {})

    return dataclasses.replace(base, fit=fit)


def mean(states: Iterable[Mapping[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """The mean of each tensor, computed in float64; for a single state, the state itself. At most
    two states are in memory at a time."""
    total: dict[str, torch.Tensor] = {}
    count = 0
    for state in states:
        count += 1
        for name, tensor in state.items():
            total[name] = total.get(name, 0) + tensor.double()
    return {name: (tensor / count).to(state[name].dtype) for name, tensor in total.items()}
