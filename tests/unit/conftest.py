"""Files out of the package index that several tests read."""

import os
from pathlib import Path

import pytest
from filelock import FileLock

from stillact.models import wheels

BLAZEPOSE = "mediapipe==0.10.21"
FILES = {
    "pose_detection": "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
    "pose_landmark_full": "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
}


@pytest.fixture(scope="session")
def blazepose(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of BlazePose's two files. Shared, by all processes of pytest: do not change it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "blazepose"
    with FileLock(f"{folder}.lock"):
        for name, sha256 in FILES.items():
            target = folder / f"{name}.tflite"
            if not target.exists():
                group = name.removesuffix("_full")
                member = f"mediapipe/modules/{group}/{target.name}"
                wheels.take(BLAZEPOSE, member, sha256, target)
    return folder
