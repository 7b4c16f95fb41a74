"""The identity of one training run, and what follows from it: its folder and its seeds."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SUBSETS = ("train", "validation", "test")  # of the photos, in every split
INNER = "inner"  # of answers, on a fold's training photos, by networks fitted without them
SHUFFLED = "shuffled"  # the holdout split, trained on labels in random order


@dataclass(frozen=True)
class Run:
    """One training: a model on a task, with one split of the photos and one seed."""

    task: str
    model: str
    split: str
    seed: int

    @classmethod
    def at(cls, folder: Path) -> "Run":
        """The run whose folder is .../{task}/{model}/{split}/seed_{seed}."""
        task, model, split, seed = folder.parts[-4:]
        return cls(task, model, split, int(re.fullmatch(r"seed_(\d+)", seed)[1]))

    @property
    def folder(self) -> str:
        """Where its files are, under the project's folder."""
        return f"results/runs/{self}"

    def __str__(self) -> str:
        return f"{self.task}/{self.model}/{self.split}/seed_{self.seed}"

    def rng_seed(self, purpose: str) -> int:
        """A seed in [0, 2^63) for `purpose` ("start", "epoch 3").

        It depends on the run's identity alone, not on which process trains it or in what order.
        The model's name is left out: models of one shape start from the same weights and see the
        photos in the same order, so that a difference between them is theirs.
        """
        text = f"{self.task}/{self.split}/{self.seed}/{purpose}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def batches(these: Sequence, runs_per_job: int) -> list[list]:
    """Seeds or splits in the order given, `runs_per_job` a batch.

    What is appended after full batches makes batches of its own: the others stay as they are.
    """
    return [list(these[i : i + runs_per_job]) for i in range(0, len(these), runs_per_job)]
