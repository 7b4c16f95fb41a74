"""Blocks of the config: the built-in synthetic dataset and its backbones."""

from typing import Annotated, Literal

from pydantic import Field

from stillact.config.types import Block, Count, Name, Positive, Seed


class Synthetic(Block):
    images_per_class: Annotated[dict[Name, Count], Field(description="Scenes rendered a class.")]
    seed: Annotated[Seed, Field(description="Seed of the scenes.")]


class Tower(Block):
    """How one of the tiny towers of the built-in default is trained."""

    epochs: Annotated[Count, Field(description="Passes over the captioned scenes.")]
    learning_rate: Annotated[
        Positive, Field(description="Highest step size of AdamW; Muon's is five times that.")
    ]


class Pretrain(Block):
    """The built-in default's own backbones: tiny towers trained on captioned scenes."""

    scenes: Annotated[Count, Field(description="Scenes rendered, as many of each label.")]
    shards: Annotated[Count, Field(description="Jobs that render them, side by side.")]
    seed: Annotated[Seed, Field(description="Seed of the scenes and of the towers.")]
    size: Annotated[
        int, Field(ge=32, le=224, multiple_of=16, description="Side of the input, pixels.")
    ]
    width: Annotated[
        int,
        Field(ge=32, multiple_of=32, description="Width of the image tower; heads are 32 wide."),
    ]
    layers: Annotated[Count, Field(description="Blocks of the image tower.")]
    text_width: Annotated[
        int, Field(ge=32, multiple_of=32, description="Width of the text tower; heads are 32 wide.")
    ]
    text_layers: Annotated[Count, Field(description="Blocks of the text tower.")]
    batch_size: Annotated[int, Field(ge=2, description="Scenes a step.")]
    weight_decay: Annotated[float, Field(ge=0, description="Not on biases, norms and embeddings.")]
    towers: Annotated[
        dict[Literal["vit", "clip", "siglip"], Tower],
        Field(
            description="What is trained: vit on the place of limbs and other attributes; clip "
            "and siglip, which start from the vit, on captions."
        ),
    ]
