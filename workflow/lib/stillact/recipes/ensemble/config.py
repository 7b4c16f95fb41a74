"""Config and plan of ensemble: the combined prediction of several models."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from stillact.config.training import LinearProbe, Plan
from stillact.config.types import Block, Name, unique
from stillact.recipes.fine_tune.config import FineTunePlan
from stillact.recipes.from_scratch.config import FromScratchPlan
from stillact.recipes.linear_probe.config import LinearProbePlan
from stillact.recipes.mlp.config import MLPPlan
from stillact.recipes.pose.config import PosePlan
from stillact.recipes.prolip.config import ProLIPPlan
from stillact.recipes.seed_soup.config import SeedSoupPlan
from stillact.recipes.tta.config import TTAPlan
from stillact.recipes.wise_ft.config import WiseFTPlan
from stillact.recipes.zero_shot.config import ZeroShotPlan

AnyPlan = Annotated[
    ZeroShotPlan
    | LinearProbePlan
    | PosePlan
    | ProLIPPlan
    | MLPPlan
    | FromScratchPlan
    | FineTunePlan
    | WiseFTPlan
    | SeedSoupPlan
    | TTAPlan,
    Field(discriminator="recipe"),
]


class EnsembleModel(Block):
    """Several models of the same task, whose predictions are combined; nothing is trained again."""

    recipe: Literal["ensemble"]
    members: Annotated[
        list[Name], Field(min_length=2, description="Models of the same tasks, of other recipes.")
    ]
    combine: Annotated[
        Literal["mean", "stack"],
        Field(
            description="mean: the geometric mean of the members' probabilities, which has nothing "
            "to fit; stack: a logistic regression on their logarithms, fitted on out-of-fold "
            "predictions."
        ),
    ] = "mean"

    @model_validator(mode="after")
    def _different_members(self) -> Self:
        unique("members", self.members)
        return self


class EnsemblePlan(Plan):
    recipe: Literal["ensemble"]
    members: dict[str, AnyPlan]
    combine: Literal["mean", "stack"]
    training: LinearProbe

    @property
    def classes(self) -> list[str]:
        return next(iter(self.members.values())).classes

    @property
    def packages(self) -> tuple[str, ...]:
        return ("numpy", "scikit-learn") if self.combine == "stack" else ("numpy",)

    @property
    def squares(self) -> tuple[str, ...]:
        """None of its own: those of its members."""
        return ()

    @property
    def looks_at_people(self) -> bool:
        return any(plan.looks_at_people for plan in self.members.values())

    def reads(self) -> dict[str, str]:
        """Nothing but the predictions of its members' runs."""
        return {}


PLAN = EnsemblePlan
