"""Blocks of the config: augmentations."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from stillact.config.types import Block, Fraction, Positive, ordered

Chance = Annotated[Fraction, Field(description="Probability that an image is changed.")]
Jitter = Annotated[float, Field(ge=0, description="Factor drawn from [1 - value, 1 + value].")]


class VerticalFlip(Block):
    name: Literal["vertical_flip"]
    p: Chance = 0.5


class HorizontalFlip(Block):
    name: Literal["horizontal_flip"]
    p: Chance = 0.5


class Perspective(Block):
    name: Literal["perspective"]
    distortion: Annotated[Fraction, Field(description="Largest corner displacement.")] = 0.5
    p: Chance = 0.5


class RandomResizedCrop(Block):
    name: Literal["random_resized_crop"]
    min_area: Annotated[
        float, Field(gt=0, le=1, description="Smallest crop, as a share of the image.")
    ] = 0.5
    max_area: Annotated[
        float, Field(gt=0, le=1, description="Largest crop, as a share of the image.")
    ] = 1.0

    @model_validator(mode="after")
    def _order(self) -> "RandomResizedCrop":
        return ordered(self, "min_area", "max_area")


class ColourJitter(Block):
    name: Literal["colour_jitter"]
    brightness: Jitter = 0.4
    contrast: Jitter = 0.4
    saturation: Jitter = 0.4
    hue: Annotated[
        float,
        Field(ge=0, le=0.5, description="Largest hue shift, as a share of the colour circle."),
    ] = 0.1


class GaussianBlur(Block):
    name: Literal["gaussian_blur"]
    min_sigma: Annotated[Positive, Field(description="Pixels, at an input size of 128.")] = 0.1
    max_sigma: Annotated[Positive, Field(description="Pixels, at an input size of 128.")] = 2.0

    @model_validator(mode="after")
    def _order(self) -> "GaussianBlur":
        return ordered(self, "min_sigma", "max_sigma")


class Rotation(Block):
    name: Literal["rotation"]
    degrees: Annotated[
        float, Field(ge=0, le=180, description="Largest rotation to either side.")
    ] = 15.0


class Greyscale(Block):
    name: Literal["greyscale"]
    p: Chance = 1.0


Augmentation = Annotated[
    VerticalFlip
    | HorizontalFlip
    | Perspective
    | RandomResizedCrop
    | ColourJitter
    | GaussianBlur
    | Rotation
    | Greyscale,
    Field(discriminator="name"),
]
Augment = Annotated[list[Augmentation], Field(description="Applied in this order.")]
