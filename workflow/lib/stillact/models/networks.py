"""Networks with random initialisation."""

import math
from collections.abc import Sequence

import torch
from torch import nn

from stillact.config.networks import CNN, FNN


def build(network: CNN | FNN, matched: CNN | None, size: int, classes: int) -> nn.Module:
    """Build a network: float32 images (batch, 3, size, size) in [-1, 1] to logits (batch, classes).

    Args:
        network: config block.
        matched: for an FNN, the CNN whose number of parameters it matches.
        size: side of the input, pixels.
        classes: number of classes.
    """
    if isinstance(network, CNN):
        return cnn(network, size, classes)
    with torch.device("meta"):  # counts parameters without allocating them
        budget = count_parameters(cnn(matched, size, classes))
    return fnn(3 * size * size, fnn_width(3 * size * size, classes, budget), classes)


def cnn(block: CNN, size: int, classes: int) -> nn.Sequential:
    """Blocks of 3x3 convolution, [batch norm,] 2x2 max-pool, ReLU[, dropout]; two linear layers.

    Max-pooling before ReLU gives the same result as after it, at a quarter of the ReLU's cost.
    """
    layers: list[nn.Module] = []
    before = 3
    for channels in block.channels:
        layers.append(nn.Conv2d(before, channels, 3, padding=1, bias=not block.batch_norm))
        layers += [nn.BatchNorm2d(channels)] if block.batch_norm else []
        layers += [nn.MaxPool2d(2), nn.ReLU()]
        layers += [nn.Dropout2d(block.dropout / 2)] if block.dropout else []
        before = channels
    side = size // 2 ** len(block.channels)
    layers += [nn.Flatten(), nn.Linear(before * side * side, block.hidden), nn.ReLU()]
    layers += [nn.Dropout(block.dropout)] if block.dropout else []
    layers.append(nn.Linear(block.hidden, classes))
    return nn.Sequential(*layers)


def fnn(inputs: int, width: int, classes: int) -> nn.Sequential:
    """Two hidden layers of `width` with ReLU on the flattened image."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(inputs, width),
        nn.ReLU(),
        nn.Linear(width, width),
        nn.ReLU(),
        nn.Linear(width, classes),
    )


def mlp(inputs: int, hidden: Sequence[int], classes: int, dropout: float) -> nn.Sequential:
    """MLP from features, float32 (batch, inputs), to logits: for each width of `hidden` a linear
    layer, batch norm, ReLU and dropout; then a linear layer."""
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [nn.Linear(inputs, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(dropout)]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, classes))


def fnn_width(inputs: int, classes: int, budget: int) -> int:
    """The width for which the number of parameters of `fnn` is closest to `budget`.

    That number is width^2 + (inputs + classes + 2) width + classes.
    """
    b = inputs + classes + 2
    return max(1, round((math.sqrt(b * b + 4 * (budget - classes)) - b) / 2))


def count_parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


class Standardise(nn.Module):
    """Scale each of `width` features to mean 0 and standard deviation 1 on the training photos.

    Both are saved with the weights, so that prediction needs nothing else.
    """

    def __init__(self, width: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))

    def fit(self, features: torch.Tensor) -> None:
        """Compute both from features (photos, width); constant features are not scaled."""
        self.mean, self.deviation = features.mean(0), features.std(0)
        self.deviation[self.deviation == 0] = 1

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return (features - self.mean) / self.deviation
