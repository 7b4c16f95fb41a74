"""The model that is used, as files that need nothing of this project: its tensors, a graph from
photos to probabilities that ONNX Runtime runs, and what it takes to feed it."""

import contextlib
import importlib.metadata
import json
import logging
import math
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import onnxscript
import torch
from safetensors.torch import save
from torch import nn

from stillact.config.training import Plan
from stillact.core.errors import InputError
from stillact.core.logs import logger
from stillact.core.tables import read_csv
from stillact.data import preprocess
from stillact.data.fetch.cache import cached
from stillact.data.preprocessing import Preprocessing
from stillact.evaluation.predictions import SMALLEST
from stillact.inference.deployed import Deployed
from stillact.recipes.fine_tune.setup import Classifier, TextTowerHead
from stillact.training.trained import frozen_backbone

WEIGHTS, GRAPH = "model.safetensors", "model.onnx"
INPUT, OUTPUT = "photos", "probabilities"
TOLERANCE = 1e-4  # largest difference of a probability between ONNX Runtime and PyTorch
LARGEST = 2 * 10**9  # bytes of tensors that one ONNX file holds
ALONE = 8  # photos that are asked about one at a time too, when the graph is checked
BATCH = 32  # photos of the others
TOOLS = (torch, onnx, onnxscript, onnxruntime)  # torch.onnx asks for onnxscript by itself

CPU = torch.device("cpu")  # a graph is written and checked there
TOLD = {"classes": True, "texts": True}  # of a plan, by keys of their own
HALVES = dict(mean=[0.5] * 3, std=[0.5] * 3)  # how recipe from_scratch normalises


class Answering(nn.Module):
    """Photos, uint8 (batch, 3, size, size), to probabilities, float32 (batch, classes), as
    `Deployed.probabilities` gives them: normalisation and temperature are in it.

    image: a backbone's image tower that is not part of the network; None where there is none.
    network: what the run has trained.
    """

    def __init__(self, used: Deployed):
        super().__init__()
        backbone = frozen_backbone(used.trained.setup, CPU)
        self.image = None if backbone is None else backbone.image
        self.network = _with_plain_head(used.trained.network)
        self._backbone = (backbone,)  # in a tuple: its other tower is no part of the graph
        self._setup, self._temperature = used.trained.setup, used.record["temperature"]

    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        inputs = self._setup.prepare(self._setup.inputs(photos, *self._backbone), False)
        logs = self.network(inputs).log_softmax(1).clamp_min(math.log(SMALLEST))
        return (logs / self._temperature).softmax(1)


def _blank(used: Deployed, photos: int) -> torch.Tensor:
    size = used.preprocessing.size
    return torch.zeros(photos, 3, size, size, dtype=torch.uint8)


@torch.no_grad()
def _with_plain_head(network: nn.Module) -> nn.Module:
    """The network; one with a text tower for its head with what that tower makes of the prompts,
    which no photo changes."""
    if not (isinstance(network, Classifier) and isinstance(network.head, TextTowerHead)):
        return network
    rows = network.head(torch.eye(network.backbone.embedding_width)).T
    head = nn.Linear(rows.shape[1], rows.shape[0], bias=False)
    head.weight.copy_(rows)
    return Classifier(network.backbone, head, network.normalised).eval()


def write(used: Deployed, photos: np.ndarray, folder: Path) -> dict[str, Any]:
    """Write the model's tensors and its graph, and see that ONNX Runtime answers as PyTorch does.

    Args:
        used: on the CPU.
        photos: to compare the two on, uint8 (photos, 3, size, size), RGB, as
            `used.preprocessing` makes them.
        folder: gets `WEIGHTS` and `GRAPH`.

    Returns:
        What there is to tell: tensors, parameters; image_tower, what the names of its parameters
        begin with ('' where there is none); opset; checked_photos, largest_difference (of a
        probability).

    Raises:
        InputError: the model cannot be written as one ONNX file, or answers otherwise there.
    """
    model = Answering(used).eval()
    program = _program(model, _blank(used, 2))
    tensors = {**program.exported_program.state_dict, **program.exported_program.constants}
    # clones: tensors that share memory are not saved
    kept = {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}
    (folder / WEIGHTS).write_bytes(save(kept, {"format": "pt"}))
    proto = _proto(program)
    onnx.save(proto, folder / GRAPH)
    onnx.checker.check_model(folder / GRAPH, full_check=True)
    difference = largest_difference(folder / GRAPH, used, photos)
    logger.info(
        "%s: on %d photos ONNX Runtime's probabilities are within %.1e of PyTorch's",
        GRAPH,
        len(photos),
        difference,
    )
    towers = [name for name in ("image.", "network.backbone.image.") if _begins(kept, name)]
    return {
        "tensors": len(kept),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "image_tower": towers[0] if towers else "",
        "opset": proto.opset_import[0].version,
        "checked_photos": len(photos),
        "largest_difference": difference,
    }


def _begins(tensors: Mapping[str, torch.Tensor], start: str) -> bool:
    return any(name.startswith(start) for name in tensors)


def _program(model: Answering, example: torch.Tensor) -> torch.onnx.ONNXProgram:
    size = sum(tensor.nbytes for tensor in model.state_dict().values())
    if size > LARGEST:
        raise InputError(
            f"the model has {size / 1e9:.1f} GB of weights, and one ONNX file holds "
            f"{LARGEST / 1e9:.1f}; name a model on a smaller backbone (deploy: in config.yaml)"
        )
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)  # remarks of the exporter about its own rewriting
    try:
        return torch.onnx.export(
            model,
            (example,),
            dynamo=True,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            verbose=False,
        )
    except torch.onnx.OnnxExporterError as error:
        raise InputError(
            f"the model cannot be written as ONNX ({_reason(error)}); name another one (deploy: in "
            "config.yaml)"
        ) from error
    finally:
        logging.disable(before)


def _reason(error: BaseException) -> str:
    """What the exporter stumbled over, in a line: it wraps that in advice to torch's developers."""
    cause = error.__cause__ or error
    return f"{type(cause).__name__}: {str(cause).strip().splitlines()[0]}"


def _proto(program: torch.onnx.ONNXProgram) -> onnx.ModelProto:
    """The graph without the exporter's notes on itself, which name this machine's folders."""
    proto = program.model_proto
    for part in (proto, proto.graph, *proto.graph.node, *proto.graph.initializer):
        part.ClearField("metadata_props")
    return proto


def largest_difference(graph: Path, used: Deployed, photos: np.ndarray) -> float:
    """The largest distance of ONNX Runtime's probabilities from `Deployed.probabilities`, over
    batches and single photos.

    Raises:
        InputError: farther than `TOLERANCE`; names the file.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    starts = range(0, len(photos), BATCH)
    batches = [photos[start : start + BATCH] for start in starts]
    batches += [photos[place : place + 1] for place in range(min(ALONE, len(photos)))]
    found = 0.0
    for batch in batches:
        (answer,) = session.run([OUTPUT], {INPUT: batch})
        off = np.abs(answer - used.probabilities(torch.from_numpy(batch))).max()
        if not off <= TOLERANCE:  # not a number is no answer either
            raise InputError(
                f"{graph.name}: ONNX Runtime's probabilities are up to {off:.2g} from PyTorch's, "
                f"more than {TOLERANCE:g}, so nothing is exported; name another model (deploy: in "
                "config.yaml), or take the versions of requirements.lock"
            )
        found = max(found, float(off))
    return found


def test_photos(
    holdout: Path, table: Path, cache: Path, preprocessing: Preprocessing, threads: int
) -> np.ndarray:
    """The test photos of the holdout split, uint8 (photos, 3, size, size), RGB.

    Args:
        holdout: CSV of the split: image_id, subset.
        table: images.csv of rule fetch: id, sha256.
        cache: where that rule put the photos.
        preprocessing: of the photos that the model takes.
        threads: that decode.

    Raises:
        InputError: a photo cannot be decoded.
    """
    split, had = read_csv(holdout), read_csv(table).set_index("id")
    tested = had.loc[split.loc[split["subset"] == "test", "image_id"], "sha256"]
    with tempfile.TemporaryDirectory() as folder:
        packed = Path(folder) / "photos.npy"
        preprocess.pack(
            [cached(cache, of) for of in tested],
            target=packed,
            threads=threads,
            **vars(preprocessing),
        )
        return np.ascontiguousarray(np.load(packed).transpose(0, 3, 1, 2))


def described(
    used: Deployed, files: Mapping[str, Path], written: Mapping[str, Any]
) -> dict[str, Any]:
    """What goes into config.json: all that it takes to feed the model and to say where it is from.

    Args:
        used: the model.
        files: that its setup reads, by name: with a backbone its `record`; with prompts that have
            been embedded `texts_index`.
        written: of `write`.
    """
    record = json.loads(files["record"].read_text(encoding="utf-8")) if "record" in files else None
    seen = {name: record["facts"][name] for name in HALVES} if record else HALVES
    told = ("loader", "name", "revision", "licence", "sha256")
    layout = f"{INPUT}: uint8 (batch, 3, size, size), RGB from 0 to 255; normalised in the graph"
    return {
        **{name: used.record[name] for name in ("task", "model", "recipe", "seed", "run")},
        "classes": used.classes,
        "preprocessing": {**vars(used.preprocessing), **seen, "input": layout},
        "temperature": used.record["temperature"],
        "threshold": used.record["threshold"],
        "backbone": record and {"source": _source(record), **{name: record[name] for name in told}},
        "prompts": prompts(used.plan, files),
        "plan": used.plan.model_dump(exclude={**TOLD, "of": TOLD}),
        "export": dict(written),
        "versions": {tool.__name__: tool.__version__ for tool in TOOLS}
        | ({record["loader"]: _version(record["loader"])} if record else {}),
    }


def prompts(plan: Plan, files: Mapping[str, Path]) -> dict[str, list[str]] | None:
    """The texts that stood for each class, where there were any."""
    base = getattr(plan, "of", plan)
    if texts := getattr(base, "texts", None):
        return texts
    if "texts_index" not in files:
        return None
    rows = read_csv(files["texts_index"])
    return {name: rows.loc[rows["class"] == name, "text"].tolist() for name in base.classes}


def _source(record: Mapping[str, Any]) -> str:
    """Where weights are from, without the folders of this machine."""
    source = record["source"]
    return source if source.startswith("hub:") else Path(source).name


def _version(loader: str) -> str:
    return importlib.metadata.version({"open_clip": "open_clip_torch"}.get(loader, loader))


@contextlib.contextmanager
def appearing(folder: Path, names: Sequence[str]) -> Iterator[Path]:
    """A folder to write to; its files `names` are in `folder`, all of them, when the block ends
    well, and gone when it does not."""
    part = folder / ".part"
    shutil.rmtree(part, ignore_errors=True)  # of a job that was killed
    part.mkdir(parents=True)
    try:
        yield part
        for name in names:
            os.replace(part / name, folder / name)
    finally:
        shutil.rmtree(part)
