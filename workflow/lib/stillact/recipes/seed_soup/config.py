"""Config and plan of seed_soup: the mean of the weights of all seeds."""

from typing import Annotated, Literal

from pydantic import Field

from stillact.config.training import (
    Plan,
)
from stillact.config.types import Block, Name
from stillact.recipes.fine_tune.config import FineTunePlan


class SeedSoupModel(Block):
    """The mean of the weights of all seeds (model soups, arXiv 2203.05482)."""

    recipe: Literal["seed_soup"]
    of: Annotated[
        Name, Field(description="A fine-tuned model whose seeds share their initial weights.")
    ]


class SeedSoupPlan(Plan):
    recipe: Literal["seed_soup"]
    of: FineTunePlan

    @property
    def classes(self) -> list[str]:
        return self.of.classes

    @property
    def packages(self) -> tuple[str, ...]:
        return self.of.packages

    def reads(self) -> dict[str, str]:
        return self.of.reads()


PLAN = SeedSoupPlan
