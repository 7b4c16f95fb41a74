"""Blocks of the config: pretrained models, and the texts that stand for a class."""

import re
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from stillact.config.types import (
    Block,
    Geometry,
    Name,
    Text,
    fault,
)


class Backbone(Block):
    """A pretrained model: which library builds it, under which name, and where its weights are."""

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
            "local-dir: (open_clip, timm) takes it from the config in the weights' folder.",
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
        Field(min_length=1, description="The hub's commit (40 hex digits), tag or branch."),
    ] = None
    licence: Annotated[str | None, Field(description="Licence of the weights.")] = None
    geometry: Annotated[
        Geometry | None,
        Field(description="How a photo becomes square; null: as the authors of the weights do it."),
    ] = None

    @model_validator(mode="after")
    def _source(self) -> "Backbone":
        if self.repository is None and self.revision is not None:
            fault(
                "revision: {revision} belongs to weights on the hub; leave it out with a local "
                "path",
                revision=repr(self.revision),
            )
        if self.repository is not None and not re.fullmatch(r"[\w.-]+/[\w.-]+", self.repository):
            fault(
                "weights: {weights} is no hub id; write hub:owner/model", weights=repr(self.weights)
            )
        if self.repository is not None and self.revision is None:
            fault(
                "weights: {weights} needs a revision: a commit of that repository",
                weights=repr(self.weights),
            )
        return self

    @property
    def repository(self) -> str | None:
        """The id on the hub, or None where the weights are a local path."""
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
            "prompts: {prompts} is not used; leave it out, or set {key}: {values}",
            prompts=block.prompts,
            key=key,
            values=" or ".join(values),
        )
    return block


class Templates(Block):
    """A prompt set made of another one: each of its texts in each template."""

    of: Annotated[Name, Field(description="The prompt set whose texts are put in.")]
    templates: Annotated[
        list[Text], Field(min_length=1, description="Texts with one {} where the other's go.")
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
    dict[Name, Annotated[list[Text], Field(min_length=1)]],
    Field(description="For each class the texts that stand for it."),
]
PromptSet = Annotated[
    Annotated[Texts, Tag("texts")] | Annotated[Templates, Tag("templates")],
    Discriminator(lambda block: "templates" if _has_templates(block) else "texts"),
]
