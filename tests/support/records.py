"""weights.json of backbones that tests make up."""

import json
from pathlib import Path

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
