"""Config and plan of wise_ft: interpolated weights (WiSE-FT)."""

from typing import Annotated, Literal

from pydantic import Field

from stillact.config.training import DerivedPlan
from stillact.config.types import Block, Count, Name
from stillact.recipes.fine_tune.config import FineTunePlan


class WiseFT(Block):
    """Interpolation between zero-shot and fine-tuned weights (WiSE-FT, arXiv 2109.01903)."""

    steps: Annotated[
        Count, Field(description="Steps of alpha from 0 (zero-shot) to 1 (fine-tuned).")
    ]


class WiseFTModel(Block):
    recipe: Literal["wise_ft"]
    of: Annotated[Name, Field(description="A fine-tuned model whose head starts from prompts.")]


class WiseFTPlan(DerivedPlan):
    recipe: Literal["wise_ft"]
    of: FineTunePlan
    training: WiseFT


PLAN = WiseFTPlan
