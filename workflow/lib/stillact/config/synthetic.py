"""Blocks of the config: the built-in synthetic dataset and its backbones."""

from typing import Annotated, Literal

from pydantic import Field

from stillact.config.types import Block, Count, Label, Positive, Seed


class Synthetic(Block):
    images_per_class: Annotated[dict[Label, Count], Field(description="Rendered scenes per class.")]
    seed: Annotated[Seed, Field(description="Random seed of the scenes.")]


class Tower(Block):
    """Training of one of the tiny towers of the synthetic dataset."""

    epochs: Annotated[Count, Field(description="Passes over the captioned scenes.")]
    learning_rate: Annotated[
        Positive,
        Field(description="Peak learning rate of AdamW; that of Muon is five times as high."),
    ]


class Pretrain(Block):
    """The backbones of the synthetic dataset: tiny towers trained on captioned scenes."""

    train: Annotated[
        bool,
        Field(
            description="Whether to train the towers; false: those in data/towers, which were "
            "trained with the settings below."
        ),
    ] = False
    scenes: Annotated[Count, Field(description="Rendered scenes, equally many per label.")]
    shards: Annotated[Count, Field(description="Parallel rendering jobs.")]
    seed: Annotated[Seed, Field(description="Random seed of the scenes and of the towers.")]
    size: Annotated[
        int, Field(ge=32, le=224, multiple_of=16, description="Side of the input, pixels.")
    ]
    width: Annotated[
        int,
        Field(ge=32, multiple_of=32, description="Width of the image tower; heads are 32 wide."),
    ]
    layers: Annotated[Count, Field(description="Transformer blocks of the image tower.")]
    text_width: Annotated[
        int, Field(ge=32, multiple_of=32, description="Width of the text tower; heads are 32 wide.")
    ]
    text_layers: Annotated[Count, Field(description="Transformer blocks of the text tower.")]
    batch_size: Annotated[int, Field(ge=2, description="Scenes per step.")]
    weight_decay: Annotated[
        float, Field(ge=0, description="Not applied to biases, norms and embeddings.")
    ]
    towers: Annotated[
        dict[Literal["vit", "clip", "siglip", "pose"], Tower],
        Field(
            description="Trained towers: vit on limb positions and other attributes; initialised "
            "from it, clip and siglip on captions, and pose on the joints of a person."
        ),
    ]
