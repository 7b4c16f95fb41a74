"""Export of the detector of people, for exported models that look at a person."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch

from stillact.config.data import People
from stillact.core.errors import InputError
from stillact.core.logs import logger
from stillact.inference import export
from stillact.models import blazepose
from stillact.models.detectors import BlazePose, Detector

GRAPH, INPUT, OUTPUTS = "detector.onnx", "photos", ["boxes", "scores"]
TOLERANCE = 1e-4  # of scores, and of boxes as fractions of the photo's side


def write(detector: Detector, settings: People, photos: np.ndarray, folder: Path) -> dict[str, Any]:
    """Write the detector as an ONNX graph from photos to boxes and scores, and check it.

    Args:
        detector: on the CPU.
        settings: min_score and most.
        photos: for the check, uint8 (photos, 3, size, size), RGB, preprocessed as its
            `preprocessing`.
        folder: output folder of `GRAPH`.

    Returns:
        Metadata: file; input; preprocessing; min_score, most and overlap, with which its boxes are
        filtered; largest_difference from PyTorch.

    Raises:
        InputError: the detector cannot be written as ONNX, or its output differs.
    """
    if not isinstance(detector, BlazePose):
        raise InputError(
            "export: this model looks at a person, and of the detectors of people only blazepose "
            "can be exported; set people.detector: blazepose, or export a model that looks at the "
            "whole photo (deploy: in config.yaml)"
        )
    example = torch.zeros(2, *photos.shape[1:], dtype=torch.uint8)
    shapes = ({0: torch.export.Dim("batch")},)
    program = export.exported(detector, (example,), shapes, [INPUT], OUTPUTS)
    onnx.save(export.proto_of(program), folder / GRAPH)
    session = onnxruntime.InferenceSession(folder / GRAPH, providers=["CPUExecutionProvider"])
    found = session.run(OUTPUTS, {INPUT: photos})
    with torch.no_grad():
        expected = [part.numpy() for part in detector(torch.from_numpy(photos))]
    off = max(float(np.abs(a - b).max()) for a, b in zip(found, expected, strict=True))
    if not off <= TOLERANCE:
        raise InputError(
            f"{GRAPH}: ONNX Runtime's boxes and scores differ by up to {off:.2g} from PyTorch's, "
            f"more than {TOLERANCE:g}; install the versions of requirements.lock"
        )
    logger.info("%s: on %d photos within %.1e of PyTorch's", GRAPH, len(photos), off)
    return {
        "file": GRAPH,
        "input": INPUT,
        **vars(detector.preprocessing),
        "min_score": settings.min_score,
        "most": settings.most,
        "overlap": blazepose.OVERLAP,
        "largest_difference": off,
    }
