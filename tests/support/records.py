"""weights.json of backbones, and meta.json of runs, that tests make up."""

import json
from pathlib import Path

from stillact.core.runs import Run
from stillact.training.run_record import RunRecord

FACTS = {
    "size": 16,
    "geometry": "resize_crop",
    "interpolation": "bicubic",
    "crop": 1.0,
    "mean": [0.5] * 3,
    "std": [0.5] * 3,
    "embedding_width": 4,
    "logit_scale": 100.0,
    "has_text": True,
    "projects": True,
    "image_parameters": 1,
    "blocks": 2,
}


def write(path: Path, backbone: str = "tiny", **facts) -> Path:
    """A record with some facts changed."""
    record = {
        "backbone": backbone,
        "loader": "open_clip",
        "name": "local-dir:",
        "source": "weights",
        "folder": str(path.parent),
        "facts": {**FACTS, **facts},
    }
    path.write_text(json.dumps(record))
    return path


RUN = {
    "run": Run("activity3", "cnn_base", "holdout", 0),
    "device": "cpu: x86_64",
    "threads": 1,
    "precision": "fp32",
    "seconds": 61.0,
    "peak_memory_mb": 700,
    "epochs": 10,
    "chosen": {},
    "parameters": 4287875,
    "versions": {"python": "3.12.1", "torch": "2.14.0"},
    "config": {},
}


def run(**changes) -> RunRecord:
    """The record of a run with some fields changed."""
    return RunRecord(**RUN | changes)
