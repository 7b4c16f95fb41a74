"""Config and plan of fine_tune: a pretrained backbone and a new head, all of it trained."""

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
from stillact.config.types import Block, Label, Positive, Text


class FineTune(Training):
    """Fine-tuning of a backbone and a new head, without weight decay on biases, norms and
    embeddings."""

    head_learning_rate: Annotated[
        Positive | None,
        Field(
            description="Peak learning rate of a head that starts at random; null: learning_rate. "
            "Other heads, which start from a probe or from prompts, have learning_rate."
        ),
    ] = None
    layer_decay: Annotated[
        float,
        Field(
            gt=0,
            le=1,
            description="Learning rate of a layer over that of the layer above it, from "
            "learning_rate times this in the topmost layer of the backbone down.",
        ),
    ] = 1.0
    renamed: ClassVar[dict[str, str]] = {
        "threads": "resources.fine_tune.threads",
        "precision": "precision, of the whole study",
    }


class FineTuneModel(Block):
    recipe: Literal["fine_tune"]
    backbone: BackboneName
    head: Annotated[
        Literal["random", "text", "probe", "text_tower"],
        Field(
            description="Initial classification head: random; text, the embeddings of the prompts; "
            "probe, a linear probe (LP-FT, arXiv 2202.10054); or text_tower, the prompts as "
            "embedded by the text tower, which is trained too (FLYP, arXiv 2212.00638)."
        ),
    ] = "random"
    prompts: Prompts = None
    augment: Augment = []

    @model_validator(mode="after")
    def _start(self) -> "FineTuneModel":
        return prompts_where_used(self, "head", ("text", "text_tower"))


class FineTunePlan(FineTuneModel, Plan):
    classes: list[Label]
    training: FineTune
    probe: LinearProbe | None = None  # if the head starts from a linear probe
    texts: dict[Label, list[Text]] | None = None  # per class, if the text tower is trained too

    @property
    def packages(self) -> tuple[str, ...]:
        probe = ("scikit-learn",) if self.probe else ()
        return (*super().packages, *LIBRARIES, *probe)

    def reads(self) -> dict[str, str]:
        prompts = self.prompts if self.head == "text" else None
        return record(self.backbone) | packed(self.backbone) | texts(self.backbone, prompts)


PLAN = FineTunePlan
