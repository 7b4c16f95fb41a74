"""Networks out of .tflite files against LiteRT: each operator, and the two files of BlazePose."""

import copy
import pickle
import re
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema

from stillact.core.errors import InputError
from stillact.models import tflite_files
from stillact.models.tflite import Graph
from support.tflite_graphs import Writer, lite, sparse

RELU, RELU6, TANH = 1, 3, 4
SAME, VALID = 0, 1


def random(*shape: int, type: str = "float32") -> np.ndarray:
    return np.random.default_rng(0).normal(0, 1, shape).astype(type)


def numbers(*values) -> np.ndarray:
    return np.array(values, "int32")


@torch.no_grad()
def check(path: Path, photos: int = 2) -> Graph:
    """Compare a graph with LiteRT on random photos."""
    made = Graph(path)
    images = torch.from_numpy(random(photos, *made.input_shape) * 3)
    for found, expected in zip(made(images), lite(path, images), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    return made


def convolution(
    tmp_path: Path, sides=(7, 10), kernel=(3, 3), strides=(1, 1), padding=SAME, activation=0
) -> Path:
    """One CONV_2D of 4 channels to 5, with weights of float32."""
    writer = Writer()
    image = writer.image(*sides, 4)
    weight, bias = writer.constant(random(5, *kernel, 4)), writer.constant(random(5))
    given = (image, weight, bias)
    options = schema.Conv2DOptionsT(padding, strides[1], strides[0], activation)
    writer.operator("CONV_2D", given, (1, *windows(sides, kernel, strides, padding), 5), options)
    return writer.save(tmp_path / "a.tflite")


def windows(sides, kernel, strides, padding) -> list[int]:
    less = [0, 0] if padding == SAME else [length - 1 for length in kernel]
    return [-(-(side - of) // by) for side, of, by in zip(sides, less, strides, strict=True)]


@pytest.mark.parametrize("padding", [SAME, VALID])
@pytest.mark.parametrize("strides", [(1, 1), (2, 2), (3, 2)])
@pytest.mark.parametrize("kernel", [(1, 1), (3, 3), (5, 2), (2, 4)])
@pytest.mark.parametrize("sides", [(7, 10), (8, 9)])
def test_a_convolution_pads_as_tensorflow(tmp_path, sides, kernel, strides, padding):
    check(convolution(tmp_path, sides, kernel, strides, padding))


@pytest.mark.parametrize("activation", [0, RELU, RELU6])
def test_an_activation_follows(tmp_path, activation):
    check(convolution(tmp_path, activation=activation))


@pytest.mark.parametrize("multiplier", [1, 3])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_convolution_by_channel(tmp_path, stride, multiplier):
    writer = Writer()
    image = writer.image(8, 9, 4)
    weight = writer.constant(random(1, 3, 3, 4 * multiplier))
    bias = writer.constant(random(4 * multiplier))
    options = schema.DepthwiseConv2DOptionsT(SAME, stride, stride, multiplier, RELU6)
    shape = (1, *windows((8, 9), (3, 3), (stride, stride), SAME), 4 * multiplier)
    writer.operator("DEPTHWISE_CONV_2D", (image, weight, bias), shape, options)
    check(writer.save(tmp_path / "a.tflite"))


@pytest.mark.parametrize("padding", [SAME, VALID])
@pytest.mark.parametrize("sides", [(8, 8), (7, 9)])
def test_a_pooling(tmp_path, sides, padding):
    writer = Writer()
    image = writer.image(*sides, 3)
    shape = (1, *windows(sides, (3, 2), (2, 2), padding), 3)
    options = schema.Pool2DOptionsT(padding, 2, 2, 2, 3, RELU)
    writer.operator("MAX_POOL_2D", (image,), shape, options)
    check(writer.save(tmp_path / "a.tflite"))


def unary(tmp_path, name, shape, options=None, constant=None) -> Path:
    """One operator on an image of 4 by 6 pixels with 8 channels."""
    writer = Writer()
    given = [writer.image(4, 6, 8)]
    given += [] if constant is None else [writer.constant(constant)]
    writer.operator(name, given, (1, *shape), options)
    return writer.save(tmp_path / "a.tflite")


UNARY = {
    "LOGISTIC": ((4, 6, 8), None, None),
    "DEPTH_TO_SPACE": ((8, 12, 2), schema.DepthToSpaceOptionsT(2), None),
    "RESIZE_BILINEAR": (
        (8, 15, 8),
        schema.ResizeBilinearOptionsT(halfPixelCenters=True),
        numbers(8, 15),
    ),
    "PAD": ((7, 6, 13), schema.PadOptionsT(), numbers([0, 0], [1, 2], [0, 0], [3, 2])),
    "RESHAPE": ((3, 64), schema.ReshapeOptionsT(), numbers(1, -1, 64)),
}


@pytest.mark.parametrize("name", UNARY)
def test_an_operator_of_one_image(tmp_path, name):
    check(unary(tmp_path, name, *UNARY[name]))


def test_a_shape_of_four_dimensions_is_an_image_again(tmp_path):
    check(unary(tmp_path, "RESHAPE", (6, 2, 16), schema.ReshapeOptionsT(), numbers(1, 6, 2, 16)))


@pytest.mark.parametrize("axis", [1, 2, 3, -1])
def test_images_are_joined_and_added(tmp_path, axis):
    writer = Writer()
    image = writer.image(4, 6, 8)
    squashed = writer.operator("LOGISTIC", [image], (1, 4, 6, 8))
    sums = (squashed, image), (1, 4, 6, 8), schema.AddOptionsT(RELU6)
    summed = writer.operator("ADD", *sums)
    shape = [1, 4, 6, 8]
    shape[axis] *= 3
    options = schema.ConcatenationOptionsT(axis)
    writer.operator("CONCATENATION", (image, summed, squashed), shape, options)
    check(writer.save(tmp_path / "a.tflite"))


@pytest.mark.parametrize("zeros", [[1, 1, 2, 2], [2, 0, 0, 1], [0, 3, 1, 1]])
@pytest.mark.parametrize("padding", [SAME, VALID])
def test_zeros_become_the_padding_of_a_convolution(tmp_path, zeros, padding):
    top, bottom, left, right = zeros
    sides = (6 + top + bottom, 7 + left + right)
    writer = Writer()
    amounts = writer.constant(numbers([0, 0], [top, bottom], [left, right], [0, 0]))
    given = (writer.image(6, 7, 4), amounts)
    padded = writer.operator("PAD", given, (1, *sides, 4), schema.PadOptionsT())
    weight, bias = writer.constant(random(5, 3, 3, 4)), writer.constant(random(5))
    shape = (1, *windows(sides, (3, 3), (2, 2), padding), 5)
    options = schema.Conv2DOptionsT(padding, 2, 2)
    writer.operator("CONV_2D", (padded, weight, bias), shape, options)
    made = check(writer.save(tmp_path / "a.tflite"))
    assert len(made.steps) == (1 if padding == VALID else 2)


SPARSE = {
    "rows": ([0, 1, 2, 3], [3], {}),
    "two levels": ([0, 1, 2, 3], [0, 3], {}),
    "columns": ([3, 1, 2, 0], [3], {}),
    "blocks": ([0, 1, 2, 3, 4], [3], {3: 4}),
    "blocks of two dimensions": ([0, 1, 2, 3, 4, 5], [0, 3], {0: 2, 3: 4}),
    "blocks in another order": ([3, 2, 1, 0, 5, 4], [3], {0: 4, 3: 2}),
    "dense": ([0, 1, 2, 3], [], {}),
    "fewer values than rows": ([0, 1, 2, 3], [3], {}),
}


def sparse_convolution(path: Path, how: str, type: str) -> np.ndarray:
    """A file with a CONV_2D with sparse weights (8, 1, 2, 12), and these weights."""
    dense = random(8, 1, 2, 12, type=type)
    dense[np.random.default_rng(1).random(dense.shape) < 0.7] = 0
    dense[2:4] = 0
    if how == "fewer values than rows":
        dense[1:] = 0
        dense[0, 0, :, 3:] = 0
    writer = Writer()
    image = writer.image(5, 6, 12)
    values, tree = sparse(dense, *SPARSE[how])
    stored = writer.constant(values, dense.shape, tree)
    weight = writer.operator("DENSIFY", [stored], dense.shape, schema.DensifyOptionsT())
    if type == "float16":
        writer.tensors[weight].type = 1
        of = ([weight], dense.shape, schema.DequantizeOptionsT())
        weight = writer.operator("DEQUANTIZE", *of)
    given = (image, weight, writer.constant(random(8)))
    writer.operator("CONV_2D", given, (1, 5, 5, 8), schema.Conv2DOptionsT(VALID, 1, 1))
    writer.save(path)
    return dense


@pytest.mark.parametrize("how", SPARSE)
@pytest.mark.parametrize("type", ["float16", "float32"])
def test_sparse_weights_are_read_as_dense_ones(tmp_path, how, type):
    dense = sparse_convolution(tmp_path / "a.tflite", how, type)
    read = tflite_files.tensors(tmp_path / "a.tflite")
    assert read["t1"].dtype == torch.float32
    np.testing.assert_array_equal(read["t1"].numpy(), dense)
    check(tmp_path / "a.tflite")


@pytest.mark.parametrize("change", ["traversalOrder", "denseSize", "arrayIndices", "values"])
def test_a_sparse_tensor_at_fault_is_an_error(tmp_path, change):
    values, tree = sparse(random(4, 3), [0, 1], [1], {})
    if change == "traversalOrder":
        tree.traversalOrder = [0, 0]
    elif change == "denseSize":
        tree.dimMetadata[0].denseSize = 2**30
    elif change == "arrayIndices":
        tree.dimMetadata[1].arrayIndices.values[2] = 9
    writer = Writer()
    stored = values[:-1] if change == "values" else values
    writer.constant(stored, (4, 3), tree)
    with pytest.raises(InputError, match=r"a.tflite: a damaged or truncated .tflite file \("):
        tflite_files.tensors(writer.save(tmp_path / "a.tflite"))


def test_the_weights_are_read_by_name(tmp_path):
    read = tflite_files.tensors(convolution(tmp_path, kernel=(3, 2)))
    assert {name: tuple(of.shape) for name, of in read.items()} == {"t1": (5, 3, 2, 4), "t2": (5,)}
    np.testing.assert_array_equal(read["t1"].numpy(), random(5, 3, 2, 4))


def unsupported(name: str) -> Writer:
    """A file with something that is not supported."""
    writer = Writer()
    image, shape = writer.image(4, 6, 4), (1, 4, 6, 4)
    weight, bias = writer.constant(random(4, 1, 1, 4)), writer.constant(random(4))
    if name == "TANH":
        writer.operator("TANH", [image], shape)
    elif name == "CUSTOM":
        writer.operator("CUSTOM", [image], shape, customCode="Mine")
    elif name == "activation":
        options = schema.Conv2DOptionsT(SAME, 1, 1, TANH)
        writer.operator("CONV_2D", (image, weight, bias), shape, options)
    elif name == "dilation":
        options = schema.Conv2DOptionsT(SAME, 1, 1, 0, 2, 2)
        writer.operator("CONV_2D", (image, weight, bias), shape, options)
    elif name == "computed":
        made = writer.operator("LOGISTIC", [weight], (4, 1, 1, 4))
        options = schema.Conv2DOptionsT(SAME, 1, 1)
        writer.operator("CONV_2D", (image, made, bias), shape, options)
    elif name == "constant":
        added = writer.constant(random(*shape))
        writer.operator("ADD", (image, added), shape, schema.AddOptionsT())
    elif name == "corners":
        given = (image, writer.constant(numbers(8, 12)))
        options = schema.ResizeBilinearOptionsT(alignCorners=True)
        writer.operator("RESIZE_BILINEAR", given, (1, 8, 12, 4), options)
    elif name == "batch":
        given = (image, writer.constant(numbers(4, 24)))
        writer.operator("RESHAPE", given, (4, 24), schema.ReshapeOptionsT())
    elif name == "batch padding":
        given = (image, writer.constant(numbers([0, 1], [0, 0], [0, 0], [0, 0])))
        writer.operator("PAD", given, (2, 4, 6, 4), schema.PadOptionsT())
    elif name == "broadcast":
        small = writer.operator("LOGISTIC", [writer.image(1, 1, 4)], (1, 1, 1, 4))
        writer.inputs = writer.inputs[:1]
        writer.operator("ADD", (image, small), shape, schema.AddOptionsT())
    elif name in ("batches", "joined"):
        axis, shape, activation = (
            (0, (2, 4, 6, 4), 0) if name == "batches" else (1, (1, 8, 6, 4), RELU)
        )
        options = schema.ConcatenationOptionsT(axis, activation)
        writer.operator("CONCATENATION", (image, image), shape, options)
    elif name == "int8":
        given = (image, writer.constant(random(4, 1, 1, 4, type="int8")), bias)
        writer.operator("CONV_2D", given, shape, schema.Conv2DOptionsT(SAME, 1, 1))
    elif name == "inputs":
        options = schema.AddOptionsT()
        writer.operator("ADD", (image, writer.image(4, 6, 4)), shape, options)
    elif name == "row":
        row = writer.image(24)
        writer.inputs = [row]
        writer.operator("LOGISTIC", [row], (1, 24))
    return writer


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("TANH", "the operator TANH is not supported; use a network of CONV_2D, DEPTHWISE"),
        ("CUSTOM", "the operator CUSTOM Mine is not supported; use a network of CONV_2D"),
        ("activation", r"the operator CONV_2D with the activation number 4 is not .* \(tensor t3"),
        ("dilation", "the operator CONV_2D with dilation is not supported"),
        ("computed", "the operator CONV_2D with computed weights is not supported"),
        ("constant", "the operator ADD of a constant is not supported"),
        ("corners", "the operator RESIZE_BILINEAR without half-pixel centers is not"),
        ("batch", r"the operator RESHAPE of \(1, 4, 6, 4\) to \(4, 24\), across photos, is not"),
        ("batch padding", r"the operator PAD by \[\[0, 1\], \[0, 0\], \[0, 0\], \[0, 0\]\] is not"),
        ("broadcast", "the operator ADD of tensors of different shapes is not supported"),
        ("batches", "the operator CONCATENATION of batches is not supported"),
        ("joined", "the operator CONCATENATION with an activation is not supported"),
        ("int8", "the tensor t3 is of the type INT8; use a file with weights as float32 or"),
        ("inputs", r"its inputs are \[\(1, 4, 6, 4\), \(1, 4, 6, 4\)\]; use a network of one"),
        ("row", r"its inputs are \[\(1, 24\)\]; use a network of one photo \(1, height, width"),
    ],
)
def test_what_is_not_supported_is_named(tmp_path, name, told):
    path = unsupported(name).save(tmp_path / "a.tflite")
    with pytest.raises(InputError, match=f"^{re.escape(str(path))}: {told}"):
        Graph(path)


def test_a_file_of_two_graphs_is_an_error(tmp_path):
    path = unsupported("TANH").save(tmp_path / "a.tflite", graphs=2)
    with pytest.raises(InputError, match=r"a.tflite: 2 graphs; use a file with exactly one"):
        Graph(path)


def test_an_output_that_there_is_not_is_an_error(tmp_path):
    path = convolution(tmp_path)
    with pytest.raises(InputError, match=r"a.tflite: has no output t7, but t3; use the network"):
        Graph(path, ["t7"])


def test_images_of_another_size_are_refused(tmp_path):
    made = Graph(convolution(tmp_path))
    with pytest.raises(ValueError, match=r"images \(4, 7, 9\) instead of \(4, 7, 10\)"):
        made(torch.zeros(1, 4, 7, 9))


@pytest.mark.parametrize("content", [b"", b"\x1c\0\0\0TFL2", b"PK\3\4" + bytes(99)])
def test_another_file_is_an_error(tmp_path, content):
    path = tmp_path / "a.tflite"
    with pytest.raises(InputError, match=r"a.tflite: no such file; check the path"):
        Graph(path)
    path.write_bytes(content)
    for read in (Graph, tflite_files.tensors):
        with pytest.raises(InputError, match=r"a.tflite: (not a|a damaged or truncated) .tflite f"):
            read(path)


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> bytes:
    """A file with sparse weights."""
    path = tmp_path_factory.mktemp("small") / "a.tflite"
    sparse_convolution(path, "blocks", "float16")
    return path.read_bytes()


def test_a_truncated_file_is_an_error(tmp_path, small):
    """Weights that end early are never read as shorter ones."""
    whole, path = len(small), tmp_path / "a.tflite"
    path.write_bytes(small)
    expected = Graph(path).state_dict()
    refused = 0
    for length in range(0, whole, 7):
        path.write_bytes(small[:length])
        try:
            found = Graph(path).state_dict()
        except InputError:
            refused += 1
        else:
            assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert refused > whole / 7 * 0.9


@hypothesis.settings(max_examples=300)
@hypothesis.given(data=st.data())
def test_a_changed_file_is_read_or_refused(tmp_path_factory, small, data):
    """No change leads to another error, or to tensors that fill the memory."""
    content = bytearray(small)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(small) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "changed.tflite"
    path.write_bytes(content)
    try:
        Graph(path)
        tflite_files.tensors(path)
    except InputError as error:
        assert str(path) in str(error)  # noqa: PT017


@pytest.mark.parametrize("name", ["pose_detection", "pose_landmark_full"])
@torch.no_grad()
def test_the_networks_of_blazepose_are_as_litert_runs_them(blazepose, name):
    """All outputs, the segmentation and the heatmaps among them."""
    path = blazepose / f"{name}.tflite"
    made = Graph(path)
    images = torch.rand(3, *made.input_shape, generator=torch.Generator().manual_seed(0))
    images[1] = torch.linspace(0, 1, made.input_shape[2])
    found = made(images)
    for output, expected in zip(found, lite(path, images), strict=True):
        assert (output - expected).abs().max() < 1e-3 * expected.abs().max()
    for i in range(len(images)):
        for output, alone in zip(found, made(images[i : i + 1]), strict=True):
            torch.testing.assert_close(output[i], alone[0], rtol=1e-4, atol=1e-3)
    first = list(made.output_shapes)[1]
    (alone,) = Graph(path, [first])(images)
    torch.testing.assert_close(alone, found[1], rtol=1e-4, atol=1e-3)


def test_the_weights_of_blazepose_are_read_by_name(blazepose):
    read = tflite_files.tensors(blazepose / "pose_detection.tflite")
    assert (len(read), sum(of.numel() for of in read.values())) == (144, 2_965_026)


@torch.no_grad()
def test_a_graph_is_a_module_as_others(tmp_path):
    made = Graph(convolution(tmp_path, activation=RELU6))
    assert [name for name, _ in made.named_parameters()] == ["steps.0.0.weight", "steps.0.0.bias"]
    images = torch.from_numpy(random(2, 4, 7, 10))
    (expected,) = made(images)
    for other in (copy.deepcopy(made), pickle.loads(pickle.dumps(made))):  # noqa: S301
        torch.testing.assert_close(other(images)[0], expected)
    (precise,) = made.double()(images.double())
    torch.testing.assert_close(precise.float(), expected)
