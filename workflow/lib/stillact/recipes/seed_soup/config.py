"""Config and plan of seed_soup: the mean of the weights of all seeds."""

from typing import Annotated, Literal

from pydantic import Field

from stillact.config.training import DerivedPlan
from stillact.config.types import Block, Name
from stillact.recipes.fine_tune.config import FineTunePlan


class SeedSoupModel(Block):
    """The mean of the weights of all seeds (model soups, arXiv 2203.05482)."""

    recipe: Literal["seed_soup"]
    of: Annotated[
        Name, Field(description="A fine-tuned model whose seeds share their initial weights.")
    ]


class SeedSoupPlan(DerivedPlan):
    recipe: Literal["seed_soup"]
    of: FineTunePlan


PLAN = SeedSoupPlan
