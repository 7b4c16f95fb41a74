"""The model that new photos are asked about, as the study has left it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stillact.config.study import PLAN, Plan
from stillact.evaluation.calibration import apply_temperature
from stillact.training import jobs, trained
from stillact.training.trained import Trained


@dataclass(frozen=True)
class Used:
    """A trained run and how its probabilities are to be taken.

    record: what rule use has written: task, model, recipe, seed, run (its folder), temperature,
        threshold, and what is known of its accuracy.
    plan: of its runs.
    trained: the run.
    look: what `images.square` is told of a photo: size, geometry, interpolation, crop.
    """

    record: dict[str, Any]
    plan: Plan
    trained: Trained
    look: dict[str, Any]

    @property
    def classes(self) -> list[str]:
        """In the order of the probabilities."""
        return self.plan.classes

    def probabilities(self, photos: torch.Tensor) -> np.ndarray:
        """The calibrated probability of each class, float64 (photos, classes).

        Args:
            photos: square as `look` says, uint8 (photos, 3, size, size), RGB; on any device.
        """
        return apply_temperature(self.trained.probabilities(photos), self.record["temperature"])


def load(record: Path, models: Mapping[str, Mapping], device: torch.device) -> Used:
    """The model that a record of rule use names.

    Args:
        record: used.json.
        models: of each model that it may name the `plan` of its runs, and the `files` that its
            setup reads, by name.
        device: where all is put.
    """
    told = json.loads(record.read_text(encoding="utf-8"))
    block = models[told["model"]]
    plan = PLAN.validate_python(block["plan"])
    files = {name: Path(path) for name, path in block["files"].items()}
    setup = jobs.setup_of(plan)(plan, files, device)
    run = trained.load(setup, Path(told["run"]) / jobs.WEIGHTS)
    return Used(told, plan, run, look(plan, files))


def look(plan: Plan, files: Mapping[str, Path]) -> dict[str, Any]:
    """All that `images.square` is told of the photos that a plan's runs see: size, geometry, crop
    and interpolation.

    Args:
        plan, files: as for `trained.look`.
    """
    told = {"interpolation": "bicubic", **trained.look(plan, files)}
    if "record" in files:
        facts = json.loads(files["record"].read_text(encoding="utf-8"))["facts"]
        told["interpolation"] = facts["interpolation"]
    return told
