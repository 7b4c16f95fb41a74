"""Blocks of the config: networks that are trained from random weights."""

from typing import Annotated, Literal

from pydantic import Field

from stillact.config.types import Block, Count, Fraction, Name


class CNN(Block):
    """Convolutional blocks (3x3, padding 1, ReLU, 2x2 max-pool), then two dense layers."""

    type: Literal["cnn"]
    channels: Annotated[list[Count], Field(min_length=1, description="Filters a block.")]
    hidden: Annotated[Count, Field(description="Width of the first dense layer.")]
    batch_norm: Annotated[bool, Field(description="Batch norm after each convolution.")] = False
    dropout: Annotated[
        Fraction, Field(description="Dropout before the last layer; half of it after each block.")
    ] = 0.0


class FNN(Block):
    """Dense net with two hidden layers of one width, as wide as gives it as many parameters as
    the model that it is matched with."""

    type: Literal["fnn"]
    match: Annotated[Name, Field(description="Model whose number of parameters is matched.")]
