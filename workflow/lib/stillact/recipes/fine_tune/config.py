"""Blocks of the config and of the runs: a pretrained backbone and a new head, all of it trained."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from stillact.config.augmentations import Augment
from stillact.config.backbones import BackboneName, Prompts, prompts_where_used
from stillact.config.training import (
    LIBRARIES,
    LinearProbe,
    Plan,
    Training,
    packed,
    record,
    texts,
)
from stillact.config.types import Block, Name, Text


class FineTune(Training):
    """All parameters of a backbone and a new head. Biases, norms and embeddings do not decay."""

    layer_decay: Annotated[
        float,
        Field(gt=0, le=1, description="Step size of a layer over that of the layer above it."),
    ] = 1.0
    precision: Annotated[
        Literal["auto", "fp32", "bf16"],
        Field(description="Of the arithmetic in training; auto: bf16 on a GPU, fp32 on a CPU."),
    ] = "auto"
    renamed: ClassVar[dict[str, str]] = {"threads": "resources.fine_tune.threads"}


class FineTuneModel(Block):
    recipe: Literal["fine_tune"]
    backbone: BackboneName
    head: Annotated[
        Literal["random", "text", "probe", "text_tower"],
        Field(
            description="What classifies, at its start: a random head; the embeddings of the "
            "prompts; a linear probe (LP-FT, arXiv 2202.10054); or, to the end, the prompts as "
            "the text tower embeds them, which is trained too (FLYP, arXiv 2212.00638)."
        ),
    ] = "random"
    prompts: Prompts = None
    augment: Augment = []

    @model_validator(mode="after")
    def _start(self) -> "FineTuneModel":
        return prompts_where_used(self, "head", ("text", "text_tower"))


class FineTunePlan(FineTuneModel, Plan):
    classes: list[Name]
    training: FineTune
    probe: LinearProbe | None = None  # where the head starts from one
    texts: dict[Name, list[Text]] | None = None  # a class, where the text tower is trained too

    @property
    def packages(self) -> tuple[str, ...]:
        probe = ("scikit-learn",) if self.probe else ()
        return (*super().packages, *LIBRARIES, *probe)

    def reads(self) -> dict[str, str]:
        prompts = self.prompts if self.head == "text" else None
        return record(self.backbone) | packed(self.backbone) | texts(self.backbone, prompts)


PLAN = FineTunePlan
