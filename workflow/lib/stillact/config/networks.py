"""Blocks of the config: networks trained from random weights."""

from typing import Annotated, Literal

from pydantic import Field

from stillact.config.types import Block, Count, Fraction, Name


class CNN(Block):
    """Convolutional blocks (3x3, padding 1, ReLU, 2x2 max-pool), then two fully connected
    layers."""

    type: Literal["cnn"]
    channels: Annotated[list[Count], Field(min_length=1, description="Filters per block.")]
    hidden: Annotated[Count, Field(description="Width of the first fully connected layer.")]
    batch_norm: Annotated[bool, Field(description="Batch norm after each convolution.")] = False
    dropout: Annotated[
        Fraction,
        Field(description="Dropout rate before the last layer; half of it after each block."),
    ] = 0.0


class FNN(Block):
    """Fully connected network with two hidden layers of equal width, chosen to match the number
    of parameters of another model."""

    type: Literal["fnn"]
    match: Annotated[Name, Field(description="Model whose number of parameters is matched.")]
