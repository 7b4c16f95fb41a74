"""Blocks of the config and of the runs: a small network on a backbone's features."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from stillact.config.backbones import BackboneName, Prompts, prompts_where_used
from stillact.config.training import Plan, Training, embeddings, record, texts
from stillact.config.types import Block, Count, Fraction, Name


class MLP(Training):
    """Dense layers with batch norm, ReLU and dropout on a backbone's features."""

    hidden: Annotated[list[Count], Field(min_length=1, description="Widths of the hidden layers.")]
    dropout: Annotated[Fraction, Field(description="Dropout after each hidden layer.")]


class MLPModel(Block):
    recipe: Literal["mlp"]
    backbone: BackboneName
    features: Annotated[
        Literal["embedding", "similarity"],
        Field(description="The image's embedding, or its similarity to each class's prompts."),
    ]
    prompts: Prompts = None

    @model_validator(mode="after")
    def _features(self) -> "MLPModel":
        return prompts_where_used(self, "features", ("similarity",))


class MLPPlan(MLPModel, Plan):
    classes: list[Name]
    training: MLP

    def reads(self) -> dict[str, str]:
        of = self.backbone
        return record(of) | embeddings(of) | texts(of, self.prompts)


PLAN = MLPPlan
