"""Networks out of .tflite files (TensorFlow Lite) as torch modules.

LiteRT, the runtime of such files, runs one photo at a time. A `Graph` runs batches, on any device,
and can be exported with torch.onnx.export.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from stillact.core.errors import InputError
from stillact.models import tflite_operators as operators
from stillact.models.tflite_files import Content, Operator, legible, read


class Graph(nn.Module):
    """The network of a .tflite file, as float32, for photos of the size that it was made for.

    Operators that the wanted outputs do not depend on are left out.

    Attributes:
        input_shape: of one photo: channels, height, width.
        output_shapes: of one photo, by the output's name, in the order of `forward`.
    """

    def __init__(self, path: str | Path, outputs: Sequence[str] | None = None):
        """Build the network.

        Args:
            path: of the file: one graph with one input, (1, height, width, channels), of the
                operators in `tflite_operators.BUILDERS`; weights as float32 or float16, dense or
                sparse.
            outputs: the names of the wanted ones; None: all, in the order of the file.

        Raises:
            InputError: as for `tflite_files.read`; the file has another operator, another input, or
                no such output.
        """
        super().__init__()
        with legible(Path(path)):
            content = read(Path(path))
            self._input, self.input_shape = _input(content)
            self._outputs = _outputs(content, outputs)
            self.output_shapes = {content.names[i]: content.shapes[i][1:] for i in self._outputs}
            used = _used(_folded(content), self._outputs)
            self.steps = nn.ModuleList(operators.module(content, of) for of in used)
            self._sources = [operators.images(content, of) for of in used]
            self._results = [of.outputs[0] for of in used]
            self._spent = _spent(self._sources, self._outputs)
            self._check(content)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Run the network.

        Args:
            images: float32 (batch, channels, height, width).

        Returns:
            float32 tensors (batch, ...); images among them are channels last, as in the file.

        Raises:
            ValueError: the images have another size.
        """
        if tuple(images.shape[1:]) != self.input_shape:
            raise ValueError(f"images {tuple(images.shape[1:])} instead of {self.input_shape}")
        values = {self._input: images}
        lists = (self.steps, self._sources, self._results, self._spent)
        for step, sources, result, spent in zip(*lists, strict=True):
            values[result] = step(*(values[i] for i in sources))
            for i in spent:
                del values[i]
        return tuple(operators.channels_last(values[i]) for i in self._outputs)

    def _check(self, content: Content) -> None:
        """Compare the shapes of all results with those in the file, without computing values.

        Raises:
            ValueError: one differs, or an output is no result.
        """
        blank = {self._input: torch.empty(1, *self.input_shape, device="meta")}
        for step, sources, result in zip(self.steps, self._sources, self._results, strict=True):
            weights = {name: tensor.to("meta") for name, tensor in step.state_dict().items()}
            inputs = tuple(blank[i].clone() for i in sources)  # activations are in place
            made = torch.func.functional_call(step, weights, inputs)
            shape, expected = tuple(operators.channels_last(made).shape), content.shapes[result]
            if shape != expected:
                raise ValueError(f"tensor {content.names[result]}: {shape} instead of {expected}")
            blank[result] = made
        if lacking := set(self._outputs) - blank.keys():
            raise ValueError(f"no operator gives tensor {content.names[min(lacking)]}")


def _input(content: Content) -> tuple[int, tuple[int, ...]]:
    """The index of the input, and its channels, height and width."""
    shapes = [content.shapes[i] for i in content.inputs]
    if len(shapes) != 1 or len(shapes[0]) != operators.IMAGE or shapes[0][0] != 1:
        raise InputError(
            f"{content.path}: its inputs are {shapes}; use a network of one photo (1, height, "
            "width, channels)"
        )
    _, height, width, channels = shapes[0]
    return content.inputs[0], (channels, height, width)


def _outputs(content: Content, wanted: Sequence[str] | None) -> list[int]:
    by_name = {content.names[i]: i for i in content.outputs}
    if lacking := set(wanted or ()) - by_name.keys():
        raise InputError(
            f"{content.path}: has no output {', '.join(sorted(lacking))}, but "
            f"{', '.join(by_name)}; use the network that these outputs are of"
        )
    return content.outputs if wanted is None else [by_name[name] for name in wanted]


def _folded(content: Content) -> Iterator[Operator]:
    """The operators. Zeros that one puts around an image before convolutions without padding become
    the padding of these convolutions, which saves a copy of the image."""
    pads = {of.outputs[0]: of for of in content.operators if of.name == "PAD"}
    for operator in content.operators:
        is_convolution = operator.name in operators.CONVOLUTIONS
        pad = pads.get(operator.inputs[0]) if is_convolution else None
        if pad and not operators.is_padded(operator):
            batch, (top, bottom), (left, right), channels = operators.pairs(content, pad)
            if not any(batch + channels):
                inputs = [pad.inputs[0], *operator.inputs[1:]]
                margins = (left, right, top, bottom)
                operator = replace(operator, inputs=inputs, margins=margins)
        yield operator


def _used(every: Iterable[Operator], outputs: Iterable[int]) -> list[Operator]:
    """The operators that the outputs depend on, in the order of execution."""
    needed, used = set(outputs), []
    for operator in reversed(list(every)):
        if needed & set(operator.outputs):
            needed |= set(operator.inputs)
            used.append(operator)
    return used[::-1]


def _spent(sources: Sequence[Sequence[int]], outputs: Iterable[int]) -> list[list[int]]:
    """The tensors that are not needed after each step, whose memory can be freed.

    Args:
        sources: the tensors that each step is given.
    """
    spent, later = [], set(outputs)
    for of in reversed(sources):
        spent.append(sorted(set(of) - later))
        later |= set(of)
    return spent[::-1]
