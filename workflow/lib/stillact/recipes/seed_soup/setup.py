"""The mean of the weights of several seeds (model soups, arXiv 2203.05482: a uniform soup)."""

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import nn

from stillact.models import weights
from stillact.recipes.fine_tune import setup as fine_tune
from stillact.recipes.seed_soup.config import SeedSoupPlan
from stillact.training import loop
from stillact.training.jobs import Fitted, Setup


def setup(plan: SeedSoupPlan, files: Mapping[str, Path], device: torch.device) -> Setup:
    """Classifiers with the mean of the weights of all seeds, which had one start.

    Args:
        plan: of the fine-tuned model.
        files: those of that model, and `weights`, its runs' (list).
        device: where all is put.
    """
    made = fine_tune.setup(plan.of, files, device)

    def fit(network: nn.Module, parts: dict[str, loop.LabelledInputs], _) -> Fitted:
        network.load_state_dict(mean(weights.read(path) for path in files["weights"]))
        return Fitted([loop.evaluate(network, parts["validation"], made.prepare)], {})

    return dataclasses.replace(made, fit=fit)


def mean(states: Iterable[Mapping[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """The mean of each tensor, taken in float64; that of one state is the state itself. Memory
    holds two states, however many there are."""
    total: dict[str, torch.Tensor] = {}
    count = 0
    for state in states:
        count += 1
        for name, tensor in state.items():
            total[name] = total.get(name, 0) + tensor.double()
    return {name: (tensor / count).to(state[name].dtype) for name, tensor in total.items()}
