"""Blocks of the config: how parameters are fitted."""

from typing import Annotated, Literal

from pydantic import Field

from stillact.config.types import Block, Count, Fraction, Positive


class Training(Block):
    """AdamW on the cross-entropy; ends `patience` epochs after the best validation loss."""

    learning_rate: Annotated[Positive, Field(description="Adam's step size, at its highest.")]
    schedule: Annotated[
        Literal["constant", "cosine"],
        Field(description="Step size after the warm-up: constant, or falling to 0 as a cosine."),
    ] = "constant"
    warmup: Annotated[
        Fraction, Field(description="Share of all steps in which the step size rises from 0.")
    ] = 0.0
    weight_decay: Annotated[float, Field(ge=0, description="Shrinkage a step, times step size.")]
    clip_norm: Annotated[
        Positive | None, Field(description="Longest gradient (L2 norm); null: not clipped.")
    ] = None
    label_smoothing: Annotated[
        Fraction, Field(description="Share of a label spread evenly over the classes.")
    ] = 0.0
    batch_size: Annotated[Count, Field(description="Photos a step.")]
    max_epochs: Annotated[Count, Field(description="Passes over the training photos at most.")]
    patience: Annotated[
        Count, Field(description="Epochs without a better validation loss before the end.")
    ]


class LinearProbe(Block):
    """Multinomial logistic regression on a backbone's L2-normalised embeddings."""

    c: Annotated[
        list[Positive],
        Field(min_length=1, description="Inverse strengths of the L2 penalty to choose from."),
    ]
    folds: Annotated[
        int, Field(ge=2, description="Folds of the training photos on which C is chosen.")
    ]


LIBRARIES = ("open_clip_torch", "timm", "transformers")  # that build backbones


class Plan(Block):
    """All that the result of a run depends on, besides its files, its split and its seed.

    Each recipe has a plan of its own, with `classes`, and mostly `training`.
    """

    recipe: str

    @property
    def packages(self) -> tuple[str, ...]:
        """The installed packages whose versions a run depends on."""
        return ("torch", "torchvision", "numpy")

    def reads(self) -> dict[str, str]:
        """The files that the recipe reads, by name, below a study's folder."""
        raise NotImplementedError


def record(backbone: str) -> dict[str, str]:
    """What a run reads of a backbone: where its weights are and what they are."""
    return {"record": f"results/backbones/{backbone}/weights.json"}


def packed(backbone: str) -> dict[str, str]:
    """The photos preprocessed for a backbone."""
    folder = f"results/backbones/{backbone}"
    return {"array": f"{folder}/photos.npy", "index": f"{folder}/photos.csv"}


def embeddings(backbone: str) -> dict[str, str]:
    """The embeddings of the photos by a frozen backbone."""
    folder = f"results/embeddings/{backbone}"
    return {"embeddings": f"{folder}/images.npy", "index": f"{folder}/images.csv"}


def texts(backbone: str, prompts: str | None) -> dict[str, str]:
    """The embeddings of a prompt set by a backbone; none without one."""
    if prompts is None:
        return {}
    folder = f"results/embeddings/{backbone}/texts_{prompts}"
    return {"texts": f"{folder}.npy", "texts_index": f"{folder}.csv"}
