"""The operators of .tflite files as torch modules.

Tensors of four dimensions are images: channels last in the file, channels first here.
"""

import math
from collections.abc import Callable, Sequence

import tflite
import torch
from torch import nn
from torch.nn import functional as F

from stillact.core.errors import InputError
from stillact.models.tflite_files import Content, Operator

IMAGE = 4  # dimensions of an image with its batch
CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
ACTIVATIONS = {
    tflite.ActivationFunctionType.NONE: nn.Identity,
    tflite.ActivationFunctionType.RELU: nn.ReLU,
    tflite.ActivationFunctionType.RELU6: nn.ReLU6,
}


def module(content: Content, operator: Operator) -> nn.Module:
    """The module of an operator; it is given the tensors of `images`.

    Raises:
        InputError: the operator, or what it does, is not supported.
    """
    if operator.name not in BUILDERS:
        raise InputError(
            f"{content.path}: the operator {operator.name} is not supported; use a network of "
            f"{', '.join(BUILDERS)}"
        )
    build, _ = BUILDERS[operator.name]
    return build(content, operator)


def images(content: Content, operator: Operator) -> list[int]:
    """The inputs of an operator that depend on the photo.

    Raises:
        InputError: one of them does not, as in a sum with a constant.
    """
    _, count = BUILDERS[operator.name]
    inputs = operator.inputs[:count]
    if any(i in content.constants for i in inputs):
        raise _unsupported(content, operator, "of a constant")
    return inputs


def channels_last(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor in the layout of the file."""
    return tensor.permute(0, 2, 3, 1) if tensor.ndim == IMAGE else tensor


def is_padded(operator: Operator) -> bool:
    """Whether a convolution or pooling has padding of its own."""
    return operator.options.Padding() != tflite.Padding.VALID


def pairs(content: Content, pad: Operator) -> list[list[int]]:
    """The zeros that PAD puts before and after each dimension, in the order of the file."""
    return content.constants[pad.inputs[1]].tolist()


def _unsupported(content: Content, operator: Operator, what: str) -> InputError:
    return InputError(
        f"{content.path}: the operator {operator.name} {what} is not supported (tensor "
        f"{content.names[operator.outputs[0]]}); use another network"
    )


def _here(axis: int, dimensions: int) -> int:
    """The dimension here that is `axis` in the file."""
    return (0, 2, 3, 1)[axis] if dimensions == IMAGE else range(dimensions)[axis]


def _activation(content: Content, operator: Operator) -> nn.Module:
    kind = operator.options.FusedActivationFunction()
    if kind not in ACTIVATIONS:
        raise _unsupported(content, operator, f"with the activation number {kind}")
    return ACTIVATIONS[kind](inplace=True)  # of a result that nothing else has; saves memory


def _margins(content: Content, operator: Operator, kernel: Sequence[int]) -> list[int]:
    """The padding of an image before a convolution or pooling: left, right, top, bottom.

    SAME is padding to ceil(side / stride) windows; of an odd number of pixels the last side gets
    one more (https://www.tensorflow.org/api_docs/python/tf/nn, "Notes on padding").

    Args:
        kernel: height and width, pixels.
    """
    if not is_padded(operator):
        return list(operator.margins)
    options, found = operator.options, []
    sides = content.shapes[operator.inputs[0]][1:3]
    strides = (options.StrideH(), options.StrideW())
    for side, length, stride in zip(sides, kernel, strides, strict=True):
        total = max((math.ceil(side / stride) - 1) * stride + length - side, 0)
        found = [total // 2, total - total // 2, *found]  # the last dimension comes first
    return found


def _convolution(content: Content, operator: Operator) -> nn.Module:
    """CONV_2D and DEPTHWISE_CONV_2D."""
    options, (source, *others) = operator.options, operator.inputs
    if any(i >= 0 and i not in content.constants for i in others):
        raise _unsupported(content, operator, "with computed weights")
    if (options.DilationHFactor(), options.DilationWFactor()) != (1, 1):
        raise _unsupported(content, operator, "with dilation")
    weight = content.constants[others[0]]
    by_channel = operator.name == "DEPTHWISE_CONV_2D"  # weight: 1, height, width, outputs
    weight = weight.permute((3, 0, 1, 2) if by_channel else (0, 3, 1, 2))
    bias = content.constants[others[1]] if others[1:] and others[1] >= 0 else None
    channels, kernel = content.shapes[source][3], tuple(weight.shape[2:])
    left, right, top, bottom = _margins(content, operator, kernel)
    even = left == right and top == bottom
    convolution = nn.Conv2d(
        *(channels, len(weight), kernel),
        stride=(options.StrideH(), options.StrideW()),
        padding=(top, left) if even else 0,
        groups=channels // weight.shape[1],
        bias=bias is not None,
        device="meta",  # no random weights
    )
    # Channels last in memory is the faster layout on CPUs.
    convolution.weight = nn.Parameter(weight.contiguous(memory_format=torch.channels_last))
    convolution.bias = None if bias is None else nn.Parameter(bias.clone())  # two may share it
    before = [] if even else [nn.ZeroPad2d((left, right, top, bottom))]
    return nn.Sequential(*before, convolution, _activation(content, operator))


def _max_pool(content: Content, operator: Operator) -> nn.Module:
    options = operator.options
    kernel = (options.FilterHeight(), options.FilterWidth())
    margins = tuple(_margins(content, operator, kernel))
    return nn.Sequential(
        nn.ConstantPad2d(margins, -math.inf) if any(margins) else nn.Identity(),
        nn.MaxPool2d(kernel, (options.StrideH(), options.StrideW())),
        _activation(content, operator),
    )


class Add(nn.Module):
    """The sum of two tensors, and an activation of it."""

    def __init__(self, activation: nn.Module):
        super().__init__()
        self.activation = activation

    def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return self.activation(first + second)


def _add(content: Content, operator: Operator) -> nn.Module:
    if len({content.shapes[i] for i in operator.inputs}) > 1:
        raise _unsupported(content, operator, "of tensors of different shapes")
    return Add(_activation(content, operator))


class Concatenate(nn.Module):
    """Tensors joined along a dimension."""

    def __init__(self, dimension: int):
        super().__init__()
        self.dimension = dimension

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return torch.cat(inputs, self.dimension)


def _concatenation(content: Content, operator: Operator) -> nn.Module:
    dimensions = len(content.shapes[operator.outputs[0]])
    joined = _here(operator.options.Axis(), dimensions)
    if joined == 0:
        raise _unsupported(content, operator, "of batches")
    if operator.options.FusedActivationFunction() != tflite.ActivationFunctionType.NONE:
        raise _unsupported(content, operator, "with an activation")  # nor does LiteRT
    return Concatenate(joined)


class Pad(nn.Module):
    """Zeros around a tensor.

    margins: as for `torch.nn.functional.pad`.
    """

    def __init__(self, margins: Sequence[int]):
        super().__init__()
        self.margins = list(margins)

    def forward(self, tensor: torch.Tensor) -> torch.Tensor:
        return F.pad(tensor, self.margins)


def _pad(content: Content, operator: Operator) -> nn.Module:
    zeros = pairs(content, operator)
    here = {_here(axis, len(zeros)): pair for axis, pair in enumerate(zeros)}
    if any(here[0]) or min(map(min, zeros)) < 0:
        raise _unsupported(content, operator, f"by {zeros}")
    return Pad([side for dimension in sorted(here, reverse=True) for side in here[dimension]])


def _resize(content: Content, operator: Operator) -> nn.Module:
    if operator.options.AlignCorners() or not operator.options.HalfPixelCenters():
        raise _unsupported(content, operator, "without half-pixel centers")
    _, height, width, _ = content.shapes[operator.outputs[0]]
    return nn.Upsample((height, width), mode="bilinear", align_corners=False)


class Reshape(nn.Module):
    """The elements of each photo's tensor, in the order of the file, in another shape."""

    def __init__(self, shape: Sequence[int]):
        super().__init__()
        self.shape = list(shape)

    def forward(self, tensor: torch.Tensor) -> torch.Tensor:
        made = channels_last(tensor).reshape(-1, *self.shape)
        return made.permute(0, 3, 1, 2) if made.ndim == IMAGE else made


def _reshape(content: Content, operator: Operator) -> nn.Module:
    before, after = (content.shapes[i] for i in (operator.inputs[0], operator.outputs[0]))
    if before[:1] != (1,) or after[:1] != (1,):
        raise _unsupported(content, operator, f"of {before} to {after}, across photos,")
    return Reshape(after[1:])


class DepthToSpace(nn.Module):
    """Channels to pixels: TensorFlow has the place within a block before the channel, torch after
    it."""

    def __init__(self, block: int):
        super().__init__()
        self.block = block

    def forward(self, tensor: torch.Tensor) -> torch.Tensor:
        grouped = tensor.unflatten(1, (self.block**2, -1)).transpose(1, 2)
        return F.pixel_shuffle(grouped.flatten(1, 2), self.block)


def _depth_to_space(content: Content, operator: Operator) -> nn.Module:
    return DepthToSpace(operator.options.BlockSize())


def _logistic(content: Content, operator: Operator) -> nn.Module:
    return nn.Sigmoid()


# By operator: what makes its module, and how many of its inputs depend on the photo (None: all).
BUILDERS: dict[str, tuple[Callable[[Content, Operator], nn.Module], int | None]] = {
    "CONV_2D": (_convolution, 1),
    "DEPTHWISE_CONV_2D": (_convolution, 1),
    "MAX_POOL_2D": (_max_pool, 1),
    "ADD": (_add, 2),
    "CONCATENATION": (_concatenation, None),
    "PAD": (_pad, 1),
    "RESIZE_BILINEAR": (_resize, 1),
    "RESHAPE": (_reshape, 1),
    "DEPTH_TO_SPACE": (_depth_to_space, 1),
    "LOGISTIC": (_logistic, 1),
}
