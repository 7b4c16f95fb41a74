"""Config and plan of mlp: a small network on a backbone's features."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from stillact.config.backbones import BackboneName, Prompts, prompts_where_used
from stillact.config.training import Plan, Training, Views, embeddings, record, texts
from stillact.config.types import Count, Fraction, Label, fault


class MLP(Training):
    """An MLP with batch norm, ReLU and dropout on a backbone's features."""

    hidden: Annotated[list[Count], Field(min_length=1, description="Widths of the hidden layers.")]
    dropout: Annotated[Fraction, Field(description="Dropout rate after each hidden layer.")]


class MLPModel(Views):
    recipe: Literal["mlp"]
    backbone: BackboneName
    features: Annotated[
        Literal["embedding", "similarity"],
        Field(description="Input: the image's embedding, or its similarity to each class."),
    ]
    prompts: Prompts = None

    @model_validator(mode="after")
    def _features(self) -> "MLPModel":
        if self.features == "similarity" and len(self.sees) > 1:
            fault("sees: similarities are of one view; name one, or set features: embedding")
        return prompts_where_used(self, "features", ("similarity",))


class MLPPlan(MLPModel, Plan):
    classes: list[Label]
    training: MLP

    @property
    def shared_features(self) -> str:
        return self.features_of(self.backbone)

    def reads(self) -> dict[str, str]:
        backbone = self.backbone
        return (
            record(backbone)
            | embeddings(backbone, self.sees, self.mirror)
            | texts(backbone, self.prompts)
        )


PLAN = MLPPlan
