"""The runs that predict further photos in one job: of one model, or of several models that take the
same features of a frozen backbone, which are then computed once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from stillact.core.runs import Run, batches
from stillact.data.preprocessing import Preprocessing
from stillact.recipes.setups import plan_of, setup_of
from stillact.training import trained
from stillact.training.jobs import Setup

TOGETHER = 5  # networks in memory at a time; with a frozen backbone they are small


@dataclass(frozen=True)
class Asked:
    """Trained runs.

    setups: of each model, by its name; the models' plans have the same `shared_features`.
    weights: files of the runs, and the model of each.
    classes: of the predictions.
    """

    setups: Mapping[str, Setup]
    weights: Mapping[Path, str]
    classes: list[str]

    @classmethod
    def of(
        cls, plans: Mapping[str, Mapping], files: Mapping[str, Any], device: torch.device
    ) -> "Asked":
        """The runs of a job.

        Args:
            plans: dumped plan of each model.
            files: inputs of the job; those of a model are named {model}__{name}: the files of its
                plan, and `weights`, those of its runs (list).
            device: device of the networks.
        """
        setups, weights, classes = {}, {}, []
        for model, block in plans.items():
            start = f"{model}__"
            own = {n.removeprefix(start): file for n, file in files.items() if n.startswith(start)}
            weights |= dict.fromkeys(own.pop("weights"), model)
            plan = plan_of(block)
            setups[model], classes = setup_of(plan)(plan, own, device), plan.classes
        return cls(setups, weights, classes)

    @property
    def sees(self) -> tuple[Preprocessing, ...]:
        """Preprocessing of each view of a photo that the models take."""
        return next(iter(self.setups.values())).sees

    def runs(self, together: int | None = TOGETHER) -> Iterator[dict[Run, trained.Trained]]:
        """Load the runs in batches, in the order of their models.

        Args:
            together: networks in a batch; None: all, as on features of a frozen backbone.
        """
        frozen = all(setup.record is not None for setup in self.setups.values())
        size = len(self.weights) if frozen or together is None else together
        for batch in batches(list(self.weights), size):
            yield {
                Run.at(file.parent): trained.load(self.setups[self.weights[file]], file)
                for file in batch
            }
