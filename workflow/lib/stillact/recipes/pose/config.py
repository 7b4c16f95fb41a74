"""Config and plan of pose: logistic regression on the joints of the person in a photo."""

from typing import Annotated, Literal

from pydantic import Field

from stillact.config.training import LinearProbe, Plan, embeddings, record
from stillact.config.types import Block, Label, Name


class PoseModel(Block):
    recipe: Literal["pose"]
    backbone: Annotated[
        Name, Field(description="One of `backbones`, that gives the joints of a person.")
    ]

    @property
    def squares(self) -> tuple[str, ...]:
        return ("around",)


class PosePlan(PoseModel, Plan):
    classes: list[Label]
    training: LinearProbe

    @property
    def packages(self) -> tuple[str, ...]:
        return (*super().packages, "scikit-learn")

    @property
    def shared_features(self) -> str:
        return f"{self.backbone}/around"

    def reads(self) -> dict[str, str]:
        return record(self.backbone) | embeddings(self.backbone, self.squares)


PLAN = PosePlan
