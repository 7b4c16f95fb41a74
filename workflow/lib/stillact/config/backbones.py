"""Blocks of the config: pretrained models, and the prompts of the classes."""

import re
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from stillact.config.types import (
    Block,
    Geometry,
    Label,
    Name,
    Text,
    fault,
)


class Backbone(Block):
    """A pretrained model: the library that builds it, its name there, and its weights."""

    loader: Annotated[
        Literal["open_clip", "transformers", "timm"],
        Field(description="The library that builds the model."),
    ]
    name: Annotated[
        str,
        Field(
            min_length=1,
            description="Architecture: a name of open_clip.list_models() or timm.list_models(); "
            "for transformers the model type: clip, siglip (SigLIP2 at a fixed size too) or vit. "
            "local-dir: (open_clip, timm) reads it from the config in the weights' folder.",
        ),
    ]
    weights: Annotated[
        str,
        Field(
            min_length=1,
            description="hub:owner/model, or a local folder or file (.safetensors, .bin, .pt).",
        ),
    ]
    revision: Annotated[
        str | None,
        Field(min_length=1, description="Commit (40 hex digits), tag or branch on the hub."),
    ] = None
    licence: Annotated[str | None, Field(description="Licence of the weights.")] = None
    geometry: Annotated[
        Geometry | None,
        Field(description="Method to make a photo square; null: that of the weights' authors."),
    ] = None

    @model_validator(mode="after")
    def _source(self) -> "Backbone":
        if self.repository is None and self.revision is not None:
            fault(
                "revision: {revision} applies to weights on the hub only; remove it for a local "
                "path",
                revision=repr(self.revision),
            )
        if self.repository is not None and not re.fullmatch(r"[\w.-]+/[\w.-]+", self.repository):
            fault(
                "weights: {weights} is not a hub id; write hub:owner/model",
                weights=repr(self.weights),
            )
        if self.repository is not None and self.revision is None:
            fault(
                "weights: {weights} needs a revision: a commit of that repository",
                weights=repr(self.weights),
            )
        return self

    @property
    def repository(self) -> str | None:
        """The repository id on the hub, or None for a local path."""
        return self.weights[4:] if self.weights.startswith("hub:") else None


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
