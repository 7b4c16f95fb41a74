"""The content of .tflite files (TensorFlow Lite): operators, shapes and weights, as float32.

The format is that of the schema of TensorFlow Lite, which the package `tflite` reads.
"""

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tflite
import torch

from stillact.core.errors import InputError

LARGEST = 2**28  # elements of a tensor: 1 GiB as float32, far more than any of a network for photos
STORED = {
    tflite.TensorType.FLOAT32: "<f4",
    tflite.TensorType.FLOAT16: "<f2",
    tflite.TensorType.INT32: "<i4",
}
# Operators that give constants here: reading converts float16 and sparse tensors.
CONVERSIONS = ("DEQUANTIZE", "DENSIFY")
INDICES = {
    tflite.SparseIndexVector.Int32Vector: tflite.Int32Vector,
    tflite.SparseIndexVector.Uint16Vector: tflite.Uint16Vector,
    tflite.SparseIndexVector.Uint8Vector: tflite.Uint8Vector,
}


@dataclass(frozen=True)
class Operator:
    """One operator of the graph.

    Attributes:
        name: of the schema, such as CONV_2D; a custom operator's has its own name too.
        inputs, outputs: indices of tensors; -1 is an input that was left out.
        options: of the schema, such as `tflite.Conv2DOptions`; None if the operator has none.
        margins: zeros to put around the image first, as left, right, top, bottom; not in a file.
    """

    name: str
    inputs: list[int]
    outputs: list[int]
    options: Any
    margins: tuple[int, ...] = (0, 0, 0, 0)


@dataclass(frozen=True)
class Content:
    """A graph, its operators in the order of execution.

    Attributes:
        names, shapes: of each tensor; images are channels last, the batch is 1.
        constants: the values of tensors by index: float32, or int32 (shapes and the like).
        inputs, outputs: indices of the tensors that the graph is given and gives.
    """

    path: Path
    names: list[str]
    shapes: list[tuple[int, ...]]
    constants: dict[int, torch.Tensor]
    operators: list[Operator]
    inputs: list[int]
    outputs: list[int]


def tensors(path: Path) -> dict[str, torch.Tensor]:
    """Read the weights of a .tflite file by name: float32, on the CPU, sparse ones as dense ones,
    with the shapes in the file (of convolutions: outputs, height, width, inputs).

    Raises:
        InputError: as for `read`.
    """
    with legible(path):
        graph = _Reader(path)
        stored = graph.stored()
        floats = {i: tensor for i, tensor in stored.items() if tensor.is_floating_point()}
        return {graph.name(i): tensor for i, tensor in floats.items()}


def read(path: Path) -> Content:
    """Read a .tflite file with one graph.

    Raises:
        InputError: there is no such file; it is not of this format, damaged or truncated; it has
            quantised weights.
    """
    with legible(path):
        graph = _Reader(path)
        constants, operators = graph.stored(), []
        for operator in graph.operators():
            if operator.name in CONVERSIONS and operator.inputs[0] in constants:
                constants[operator.outputs[0]] = constants[operator.inputs[0]]
            else:
                operators.append(operator)
        every = range(graph.count)
        names, shapes = [graph.name(i) for i in every], [graph.shape(i) for i in every]
        inputs, outputs = (
            _listed(graph.graph.InputsAsNumpy()),
            _listed(graph.graph.OutputsAsNumpy()),
        )
        return Content(path, names, shapes, constants, operators, inputs, outputs)


@contextlib.contextmanager
def legible(path: Path) -> Iterator[None]:
    """Convert the errors of reading a file to an InputError.

    The package checks nothing: positions in a damaged file lead anywhere, to errors of any kind.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        reason = (str(error).splitlines() or [""])[0] or type(error).__name__
        raise InputError(
            f"{path}: a damaged or truncated .tflite file ({reason}); fetch it again"
        ) from error


class _Reader:
    """The one graph of a file, as the package reads it."""

    def __init__(self, path: Path):
        if not path.is_file():
            raise InputError(f"{path}: no such file; check the path")
        self.path, content = path, path.read_bytes()
        if not tflite.Model.ModelBufferHasIdentifier(content, 0):
            raise InputError(f"{path}: not a .tflite file; use one for TensorFlow Lite (LiteRT)")
        self.model = tflite.Model.GetRootAs(content)
        if self.model.SubgraphsLength() != 1:
            raise InputError(
                f"{path}: {self.model.SubgraphsLength()} graphs; use a file with exactly one"
            )
        self.graph = self.model.Subgraphs(0)
        self.count = self.graph.TensorsLength()

    def name(self, index: int) -> str:
        return (self.graph.Tensors(index).Name() or b"").decode() or f"tensor {index}"

    def shape(self, index: int) -> tuple[int, ...]:
        """The shape of a tensor; () of a scalar.

        Raises:
            ValueError: no tensor of a network has it.
        """
        tensor = self.graph.Tensors(index)
        shape = tuple(_listed(tensor.ShapeAsNumpy()))
        if min(shape, default=1) < 1 or math.prod(shape) > LARGEST:
            raise ValueError(f"tensor {index} has the shape {shape}")
        return shape

    def stored(self) -> dict[int, torch.Tensor]:
        """The tensors whose values are in the file, by index."""
        found = {}
        for index in range(self.count):
            buffer = self.model.Buffers(self.graph.Tensors(index).Buffer())
            if buffer.DataLength():
                found[index] = self._values(index, buffer.DataAsNumpy())
        return found

    def _values(self, index: int, data: np.ndarray) -> torch.Tensor:
        tensor, shape = self.graph.Tensors(index), self.shape(index)
        if tensor.Type() not in STORED:
            kind = _constants(tflite.TensorType).get(tensor.Type(), f"number {tensor.Type()}")
            raise InputError(
                f"{self.path}: the tensor {self.name(index)} is of the type {kind}; use a file "
                "with weights as float32 or float16"
            )
        values = data.view(STORED[tensor.Type()])
        if sparsity := tensor.Sparsity():
            values = _dense(values, sparsity, shape)
        whole = tensor.Type() == tflite.TensorType.INT32
        return torch.from_numpy(values.reshape(shape).astype("i4" if whole else "f4"))

    def operators(self) -> Iterator[Operator]:
        for number in range(self.graph.OperatorsLength()):
            operator = self.graph.Operators(number)
            yield Operator(
                self._named(self.model.OperatorCodes(operator.OpcodeIndex())),
                _listed(operator.InputsAsNumpy()),
                _listed(operator.OutputsAsNumpy()),
                _options(operator),
            )

    def _named(self, code: Any) -> str:
        # The older of the two fields has 8 bits; files for old readers fill it alone.
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        name = _constants(tflite.BuiltinOperator).get(number, f"number {number}")
        return f"{name} {code.CustomCode().decode()}" if name == "CUSTOM" else name


def _listed(vector: Any) -> list[int]:
    """A vector of the file; the package gives 0 for one that was left out."""
    return [] if isinstance(vector, int) else vector.tolist()


def _constants(enumeration: type) -> dict[int, str]:
    """The names of an enumeration of the schema by value."""
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}


def _options(operator: Any) -> Any:
    kind = _constants(tflite.BuiltinOptions).get(operator.BuiltinOptionsType(), "NONE")
    table = operator.BuiltinOptions()
    if table is None or not hasattr(tflite, kind):
        return None
    options = getattr(tflite, kind)()
    options.Init(table.Bytes, table.Pos)
    return options


def _dense(values: np.ndarray, sparsity: Any, shape: tuple[int, ...]) -> np.ndarray:
    """The dense form of a sparse tensor, the rest of it zeros.

    The stored values are the leaves of a tree with one level per dimension, in the order
    `TraversalOrder`. A node of a dense level has all children, one of a compressed level those that
    the level lists. Where the tensor is stored in blocks, each blocked dimension (`BlockMap`) has a
    second level, within the block (Kjolstad et al. 2017, "The Tensor Algebra Compiler").

    Args:
        values: (stored).
        sparsity: `tflite.SparsityParameters`.

    Raises:
        ValueError: the tree does not fit the shape or the values.
    """
    order = _listed(sparsity.TraversalOrderAsNumpy())
    blocked = _listed(sparsity.BlockMapAsNumpy())
    if sorted(order) != list(range(len(shape) + len(blocked))):
        raise ValueError(f"the order of dimensions {order} of a sparse tensor")
    levels = [sparsity.DimMetadata(number) for number in range(len(order))]
    places = dict(zip(order, _leaves(levels, len(values), math.prod(shape)), strict=True))
    sizes = {of: level.DenseSize() for of, level in zip(order, levels, strict=True)}
    indices = [places[dimension] for dimension in range(len(shape))]
    for number, dimension in enumerate(blocked, len(shape)):
        indices[dimension] = indices[dimension] * sizes[number] + places[number]
    dense = np.zeros(shape, values.dtype)
    dense[tuple(indices)] = values
    return dense


def _leaves(levels: list, stored: int, elements: int) -> list[np.ndarray]:
    """The coordinates of each leaf of the tree of a sparse tensor, one array per level."""
    found: list[np.ndarray] = []
    nodes = 1
    for level in levels:
        if level.Format() == tflite.DimensionType.DENSE:
            size = level.DenseSize()
            if not 0 < size * nodes <= elements:
                raise ValueError(f"a sparse tensor of {elements} elements with a level of {size}")
            children = np.full(nodes, size)
            coordinates = np.tile(np.arange(size), nodes)
        else:
            children = np.diff(_integers(level.ArraySegmentsType(), level.ArraySegments()))
            coordinates = _integers(level.ArrayIndicesType(), level.ArrayIndices())
        if len(children) != nodes or children.sum() != len(coordinates):
            raise ValueError("a sparse tensor with other nodes than its levels list")
        found = [np.repeat(above, children) for above in found] + [coordinates]
        nodes = len(coordinates)
    if nodes != stored:
        raise ValueError(f"a sparse tensor of {nodes} elements with {stored} values")
    return found


def _integers(kind: int, table: Any) -> np.ndarray:
    """A vector of the integer type `kind` of the schema, as int64."""
    vector = INDICES[kind]()
    vector.Init(table.Bytes, table.Pos)
    return vector.ValuesAsNumpy().astype(np.int64)
