"""Small .tflite files, and LiteRT, the runtime of such files, which is the reference for them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import flatbuffers
import numpy as np
import torch
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

TYPES = {"float32": 0, "float16": 1, "int32": 2, "int8": 9}
DENSE, COMPRESSED = 0, 1


class Writer:
    """A graph of one file, written tensor by tensor; each method gives the index of a tensor.

    Tensors are named t0, t1, ... in the order in which they are added. The last one is the output.
    """

    def __init__(self):
        self.buffers, self.tensors = [schema.BufferT()], []
        self.codes, self.operators, self.inputs = [], [], []

    def tensor(self, shape: Sequence[int], type: str = "float32", buffer: int = 0, sparsity=None):
        name = f"t{len(self.tensors)}"
        self.tensors.append(
            schema.TensorT(list(shape), TYPES[type], buffer, name, sparsity=sparsity)
        )
        return len(self.tensors) - 1

    def image(self, *shape: int) -> int:
        """An input: height, width and channels, or another shape."""
        self.inputs.append(self.tensor((1, *shape)))
        return self.inputs[-1]

    def constant(self, values: np.ndarray, shape=None, sparsity=None) -> int:
        data = np.frombuffer(values.tobytes(), np.uint8)
        self.buffers.append(schema.BufferT(data))
        of = (shape or values.shape, values.dtype.name, len(self.buffers) - 1, sparsity)
        return self.tensor(*of)

    def operator(
        self, name: str, inputs: Sequence[int], shape: Sequence[int], options=None, **code
    ):
        """Add an operator whose one output, float32, has a shape.

        Args:
            options: of the schema's object API, such as `Conv2DOptionsT`.
            code: of `OperatorCodeT`, such as `customCode`.
        """
        number = getattr(schema.BuiltinOperator, name)
        self.codes.append(schema.OperatorCodeT(min(number, 127), builtinCode=number, **code))
        output = self.tensor(shape)
        added = schema.OperatorT(len(self.codes) - 1, list(inputs), [output])
        if options is not None:
            kind = type(options).__name__.removesuffix("T")
            added.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
            added.builtinOptions = options
        self.operators.append(added)
        return output

    def content(self, graphs: int = 1) -> bytes:
        outputs = [len(self.tensors) - 1]
        graph = schema.SubGraphT(self.tensors, self.inputs, outputs, self.operators)
        model = schema.ModelT(3, self.codes, [graph] * graphs, buffers=self.buffers)
        builder = flatbuffers.Builder(0)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def save(self, path: Path, graphs: int = 1) -> Path:
        path.write_bytes(self.content(graphs))
        return path


def lite(path: Path, images: torch.Tensor) -> list[torch.Tensor]:
    """LiteRT's outputs for images (batch, channels, height, width), one after the other.

    On one thread, and with its own operators, whose rounding errors are smaller than XNNPACK's.
    """
    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(str(path), num_threads=1, experimental_op_resolver_type=plain)
    interpreter.allocate_tensors()
    (given,) = interpreter.get_input_details()
    outputs = interpreter.get_output_details()
    found: list[list[np.ndarray]] = [[] for _ in outputs]
    for image in images:
        last = image.permute(1, 2, 0).contiguous()
        interpreter.set_tensor(given["index"], last[None].numpy())
        interpreter.invoke()
        for values, output in zip(found, outputs, strict=True):
            values.append(interpreter.get_tensor(output["index"]).copy())
    return [torch.from_numpy(np.concatenate(values)) for values in found]


def sparse(
    dense: np.ndarray, order: Sequence[int], compressed: Sequence[int], blocks: Mapping[int, int]
) -> tuple[np.ndarray, schema.SparsityParametersT]:
    """The stored values of a tensor, and the tree that places them.

    Args:
        order: of dimensions; those from `dense.ndim` on are within blocks, in the order of
            `blocks`.
        compressed: the levels that list their children.
        blocks: size of the blocks by dimension.
    """
    outer = [size // blocks.get(i, 1) for i, size in enumerate(dense.shape)]
    split = [part for i, of in enumerate(outer) for part in (of, dense.shape[i] // of)]
    whole = dense.reshape(split)  # outer and inner of each dimension in turn
    places = [2 * i for i in range(dense.ndim)] + [2 * i + 1 for i in blocks]
    axes = [places[i] for i in order]
    rest = [axis for axis in range(whole.ndim) if axis not in axes]  # of size 1
    tree = whole.transpose(axes + rest).reshape([whole.shape[axis] for axis in axes])
    lists = {level: ([0], []) for level in compressed}
    values: list = []
    _walk(tree, 0, lists, values)
    levels = [_level(size, lists.get(level)) for level, size in enumerate(tree.shape)]
    parameters = schema.SparsityParametersT(list(order), list(blocks) or None, levels)
    return np.array(values, dense.dtype), parameters


def _walk(node: np.ndarray, level: int, lists: Mapping, values: list) -> None:
    if node.ndim == 0:
        values.append(node)
        return
    children = range(len(node))
    if level in lists:
        children = [i for i in children if node[i].any()]
        ends, indices = lists[level]
        indices += children
        ends.append(len(indices))
    for i in children:
        _walk(node[i], level + 1, lists, values)


def _level(size: int, lists: tuple[list, list] | None) -> schema.DimensionMetadataT:
    if lists is None:
        return schema.DimensionMetadataT(DENSE, size)
    types = schema.SparseIndexVector
    ends, indices = lists
    return schema.DimensionMetadataT(
        *(COMPRESSED, 0),  # converters leave the size out
        *(types.Int32Vector, schema.Int32VectorT(ends)),
        *(types.Uint8Vector, schema.Uint8VectorT(indices)),
    )
