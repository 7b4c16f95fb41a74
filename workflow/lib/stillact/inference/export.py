"""Export of the deployed model to files that are independent of this project: its tensors, an ONNX
graph from photos to probabilities, and the config for preprocessing."""

import contextlib
import logging
import math
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from safetensors.torch import save
from torch import nn

from stillact.core.errors import InputError
from stillact.core.logs import logger
from stillact.core.runs import SMALLEST
from stillact.core.tables import read_csv
from stillact.data import preprocess
from stillact.data.fetch.cache import cached
from stillact.data.people import boxes_of
from stillact.data.preprocessing import Preprocessing
from stillact.inference.deployed import Deployed
from stillact.recipes.ensemble.setup import Ensemble
from stillact.recipes.fine_tune.setup import Classifier, TextTowerHead
from stillact.training.trained import Trained, frozen_backbone

WEIGHTS, GRAPH = "model.safetensors", "model.onnx"
INPUT, OUTPUT = "photos", "probabilities"
TOLERANCE = 1e-4  # largest difference of a probability between ONNX Runtime and PyTorch
LARGEST = 2 * 10**9  # bytes of tensors that one ONNX file holds
ALONE = 8  # photos that are also checked in batches of one
BATCH = 32  # batch size of the check

CPU = torch.device("cpu")  # device for export and check


class Member(nn.Module):
    """Views of photos, uint8 (batch, 3, size, size) each, to the logits of a trained model.

    image: the backbone's image tower if it is not part of the network, else None.
    network: the trained network of the run.
    """

    def __init__(self, run: Trained):
        super().__init__()
        backbone = frozen_backbone(run.setup, CPU)
        self.image = None if backbone is None else backbone.image
        self.network = _with_plain_head(run.network)
        self._backbone = (backbone,)  # in a tuple, so that its text tower is not a submodule
        self._setup = run.setup

    def forward(self, *views: torch.Tensor) -> torch.Tensor:
        photos = torch.cat(views, 1) if len(views) > 1 else views[0]
        inputs = self._setup.prepare(self._setup.inputs(photos, *self._backbone), False)
        return self.network(inputs)


class Members(nn.Module):
    """Views of photos to the logits of an ensemble."""

    def __init__(self, run: Ensemble):
        super().__init__()
        self.members = nn.ModuleList(map(Member, run.members))
        self.combine = run.combine
        self._run = run

    def forward(self, *views: torch.Tensor) -> torch.Tensor:
        pairs = zip(self.members, self._run.members, strict=True)
        return self.combine([to(*self._run.views_of(member, views)) for to, member in pairs])


class Answering(Member):
    """Views of photos to probabilities, float32 (batch, classes), as `Deployed.probabilities`;
    includes normalisation and temperature."""

    def __init__(self, used: Deployed):
        super().__init__(used.trained)
        self._temperature = used.record.temperature

    def forward(self, *views: torch.Tensor) -> torch.Tensor:
        return _calibrated(super().forward(*views), self._temperature)


class AnsweringTogether(Members):
    """As `Answering`, of an ensemble."""

    def __init__(self, used: Deployed):
        super().__init__(used.trained)
        self._temperature = used.record.temperature

    def forward(self, *views: torch.Tensor) -> torch.Tensor:
        return _calibrated(super().forward(*views), self._temperature)


def _calibrated(logits: torch.Tensor, temperature: float) -> torch.Tensor:
    logs = logits.log_softmax(1).clamp_min(math.log(SMALLEST))
    return (logs / temperature).softmax(1).float()


def inputs_of(used: Deployed) -> list[str]:
    """The names of the graph's inputs, one per view."""
    if len(used.sees) == 1:
        return [INPUT]
    return [f"{INPUT}_{place}" for place in range(1, len(used.sees) + 1)]


def _blank(used: Deployed, photos: int) -> tuple[torch.Tensor, ...]:
    shapes = [(photos, 3, how.size, how.size) for how in used.sees]
    return tuple(torch.zeros(shape, dtype=torch.uint8) for shape in shapes)


@torch.no_grad()
def _with_plain_head(network: nn.Module) -> nn.Module:
    """The network; a text tower as head is replaced by a linear layer with the prompt embeddings,
    which do not depend on the photo."""
    if not (isinstance(network, Classifier) and isinstance(network.head, TextTowerHead)):
        return network
    rows = network.head(torch.eye(network.backbone.embedding_width)).T
    head = nn.Linear(rows.shape[1], rows.shape[0], bias=False)
    head.weight.copy_(rows)
    return Classifier(network.backbone, head, network.normalised).eval()


def write(used: Deployed, photos: Sequence[np.ndarray], folder: Path) -> dict[str, Any]:
    """Write the model's tensors and its graph, and check ONNX Runtime against PyTorch.

    Args:
        used: on the CPU.
        photos: for the check, their views in the order of `used.sees`, uint8 (photos, 3, size,
            size), RGB.
        folder: output folder of `WEIGHTS` and `GRAPH`.

    Returns:
        Metadata: tensors, parameters; image_tower, the prefix of the names of its parameters (''
        where there is none); opset; checked_photos, largest_difference (of a probability).

    Raises:
        InputError: the model cannot be written as one ONNX file, or its predictions differ.
    """
    kind = Answering if isinstance(used.trained, Trained) else AnsweringTogether
    model = kind(used).eval()
    example = _blank(used, 2)
    shapes = (({0: torch.export.Dim("batch")},) * len(example),)  # of one argument, *views
    program = exported(model, example, shapes, inputs_of(used), [OUTPUT])
    tensors = {**program.exported_program.state_dict, **program.exported_program.constants}
    # clones: tensors that share memory are not saved
    kept = {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}
    (folder / WEIGHTS).write_bytes(save(kept, {"format": "pt"}))
    proto = proto_of(program)
    onnx.save(proto, folder / GRAPH)
    onnx.checker.check_model(folder / GRAPH, full_check=True)
    difference = largest_difference(folder / GRAPH, used, photos)
    logger.info(
        "%s: on %d photos ONNX Runtime's probabilities are within %.1e of PyTorch's",
        GRAPH,
        len(photos[0]),
        difference,
    )
    towers = [name for name in ("image.", "network.backbone.image.") if _begins(kept, name)]
    return {
        "tensors": len(kept),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "image_tower": towers[0] if towers else "",
        "opset": proto.opset_import[0].version,
        "checked_photos": len(photos[0]),
        "largest_difference": difference,
    }


def _begins(tensors: Mapping[str, torch.Tensor], start: str) -> bool:
    return any(name.startswith(start) for name in tensors)


def exported(
    model: nn.Module,
    example: tuple[torch.Tensor, ...],
    shapes: tuple,
    inputs: list[str],
    outputs: list[str],
) -> torch.onnx.ONNXProgram:
    """The ONNX program of a model.

    Args:
        model: in eval mode, on the CPU. Its activations are no longer in place afterwards.
        example: its arguments.
        shapes: of `torch.export`: the dynamic dimensions of each argument.
        inputs, outputs: names in the graph.

    Raises:
        InputError: the model is too large for one file, or has an operator without a counterpart.
    """
    size = sum(tensor.nbytes for tensor in model.state_dict().values())
    if size > LARGEST:
        raise InputError(
            f"the model has {size / 1e9:.1f} GB of weights, more than the {LARGEST / 1e9:.1f} GB "
            "of one ONNX file; set a model with a smaller backbone (deploy: in config.yaml)"
        )
    for module in model.modules():  # in place, the exporter takes up to twice as long
        if getattr(module, "inplace", False):
            module.inplace = False
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)  # the exporter's warnings about its own rewriting
    try:
        warnings.filterwarnings("ignore", "# The axis name", UserWarning)  # several views, one name
        return torch.onnx.export(
            model,
            example,
            dynamo=True,
            input_names=inputs,
            output_names=outputs,
            dynamic_shapes=shapes,
            verbose=False,
        )
    except torch.onnx.OnnxExporterError as error:
        raise InputError(
            f"the model cannot be written as ONNX ({_reason(error)}); set another model (deploy: "
            "in config.yaml)"
        ) from error
    finally:
        logging.disable(before)


def _reason(error: BaseException) -> str:
    """The exporter's error in one line: it wraps the cause in advice for torch developers."""
    cause = error.__cause__ or error
    return f"{type(cause).__name__}: {str(cause).strip().splitlines()[0]}"


def proto_of(program: torch.onnx.ONNXProgram) -> onnx.ModelProto:
    """The graph without the exporter's metadata, which contain paths of this machine."""
    proto = program.model_proto
    for part in (proto, proto.graph, *proto.graph.node, *proto.graph.initializer):
        part.ClearField("metadata_props")
    return proto


def largest_difference(graph: Path, used: Deployed, photos: Sequence[np.ndarray]) -> float:
    """The largest absolute difference between ONNX Runtime's probabilities and
    `Deployed.probabilities`, over batches and single photos.

    Raises:
        InputError: larger than `TOLERANCE`; names the file.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    count = len(photos[0])
    batches = [slice(start, start + BATCH) for start in range(0, count, BATCH)]
    batches += [slice(place, place + 1) for place in range(min(ALONE, count))]
    found = 0.0
    for batch in batches:
        views = [view[batch] for view in photos]
        (answer,) = session.run([OUTPUT], dict(zip(inputs_of(used), views, strict=True)))
        off = np.abs(answer - used.probabilities(*map(torch.from_numpy, views))).max()
        if not off <= TOLERANCE:  # NaN fails too
            raise InputError(
                f"{graph.name}: ONNX Runtime's probabilities differ by up to {off:.2g} from "
                f"PyTorch's, more than {TOLERANCE:g}, so nothing is exported; set another model "
                "(deploy: in config.yaml), or install the versions of requirements.lock"
            )
        found = max(found, float(off))
    return found


def test_photos(
    holdout: Path,
    table: Path,
    people: Path,
    cache: Path,
    sees: Sequence[Preprocessing],
    threads: int,
) -> list[np.ndarray]:
    """The test photos of the holdout split: each view, uint8 (photos, 3, size, size), RGB.

    Args:
        holdout: CSV of the split: image_id, subset.
        table: images.csv of rule fetch: id, sha256.
        people: boxes.csv of rule people: id, person_boxes.
        cache: folder of that rule's photos.
        sees: preprocessing of each view.
        threads: number of decoding threads.

    Raises:
        InputError: a photo cannot be decoded.
    """
    split, images = read_csv(holdout), read_csv(table).set_index("id")
    tested = split.loc[split["subset"] == "test", "image_id"]
    paths = [cached(cache, sha256) for sha256 in images.loc[tested, "sha256"]]
    known = boxes_of(people)
    boxes = [known[name] for name in tested]
    views = []
    with tempfile.TemporaryDirectory() as folder:
        packed = Path(folder) / "photos.npy"
        for how in sees:
            preprocess.pack(paths, how, packed, threads, boxes)
            views.append(np.ascontiguousarray(np.load(packed).transpose(0, 3, 1, 2)))
    return views


@contextlib.contextmanager
def appearing(folder: Path, names: Sequence[str]) -> Iterator[Path]:
    """A temporary folder; its files `names` are moved to `folder` if the block succeeds, and
    deleted if it fails."""
    part = folder / ".part"
    shutil.rmtree(part, ignore_errors=True)  # left by a killed job
    part.mkdir(parents=True)
    try:
        yield part
        for name in names:
            os.replace(part / name, folder / name)
    finally:
        shutil.rmtree(part)
