"""The deployed model of a study, for prediction on new photos."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stillact.config.training import Plan
from stillact.data.preprocessing import Preprocessing
from stillact.evaluation.calibration import apply_temperature
from stillact.recipes.setups import plan_of, setup_of
from stillact.training import jobs, trained
from stillact.training.trained import Trained


@dataclass(frozen=True)
class Deployed:
    """A trained run with its temperature and threshold.

    record: the output of rule deploy: task, model, recipe, seed, run (its folder), temperature,
        threshold, and accuracy.
    plan: of its runs.
    trained: the run.
    """

    record: dict[str, Any]
    plan: Plan
    trained: Trained

    @property
    def preprocessing(self) -> Preprocessing:
        """Preprocessing of its input photos."""
        return self.trained.setup.preprocessing

    @property
    def classes(self) -> list[str]:
        """Class names in the order of the probabilities."""
        return self.plan.classes

    def probabilities(self, photos: torch.Tensor) -> np.ndarray:
        """The calibrated probability of each class, float64 (photos, classes).

        Args:
            photos: uint8 (photos, 3, size, size), RGB, preprocessed with `preprocessing`.
        """
        return apply_temperature(self.trained.probabilities(photos), self.record["temperature"])


def load(record: Path, models: Mapping[str, Mapping], device: torch.device) -> Deployed:
    """Load the model named in a record of rule deploy.

    Args:
        record: deployed.json.
        models: for each model that it may name, the `plan` of its runs and the `files` that its
            setup reads, by name.
        device: device of the model.
    """
    content = json.loads(record.read_text(encoding="utf-8"))
    block = models[content["model"]]
    plan = plan_of(block["plan"])
    files = {name: Path(path) for name, path in block["files"].items()}
    setup = setup_of(plan)(plan, files, device)
    run = trained.load(setup, Path(content["run"]) / jobs.WEIGHTS)
    return Deployed(content, plan, run)
