"""The identity of a training run, which determines its folder and its seeds."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SUBSETS = ("train", "validation", "test")  # of the photos, in every split
SMALLEST = 5e-9  # probability: the tables have 8 decimals, so that a 0 in them may be this large
ALL = "all"  # every labelled photo is a training photo, for the deployed model
SHUFFLED = "shuffled"  # the holdout split, trained on permuted labels
FOLD = r"cv_(?P<repeat>\d+)_(?P<fold>\d+)"  # the split whose test photos are a fold of a repeat


def fold_split(repeat: int, fold: int) -> str:
    """The name of the split whose test photos are a fold."""
    return f"cv_{repeat}_{fold}"


def fold_of(split: str) -> tuple[int, int] | None:
    """The repeat and the fold of a split of cross-validation; None for others."""
    found = re.fullmatch(FOLD, split)
    return (int(found["repeat"]), int(found["fold"])) if found else None


@dataclass(frozen=True)
class Run:
    """One training run: a model on a task, with one split of the photos and one seed."""

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
        """The folder of its files, relative to the project's folder."""
        return f"results/runs/{self}"

    def __str__(self) -> str:
        return f"{self.task}/{self.model}/{self.split}/seed_{self.seed}"

    def rng_seed(self, purpose: str) -> int:
        """A seed in [0, 2^63) for `purpose` ("start", "epoch 3").

        It depends only on the run's identity, not on which process trains it or in what order.
        The model's name is left out: models with the same architecture start from the same weights
        and see the photos in the same order, so that differences are due to the models.
        """
        text = f"{self.task}/{self.split}/{self.seed}/{purpose}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def batches(items: Sequence, runs_per_job: int) -> list[list]:
    """Split seeds or splits, in the given order, into batches of `runs_per_job`.

    Items appended after full batches form new batches; existing batches do not change.
    """
    return [list(items[i : i + runs_per_job]) for i in range(0, len(items), runs_per_job)]
