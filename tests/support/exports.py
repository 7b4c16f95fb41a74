"""The example of an exported model, run as its users run it."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def answers(folder: Path, photos: Sequence[Path]) -> tuple[list[str], list[float]]:
    """The class and probability that predict.py prints for each photo, without this project on the
    path."""
    command = [sys.executable, "-I", folder / "predict.py", *photos]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    parts = [line.split(": ")[1].split() for line in lines]
    return [said for said, *_ in parts], [float(probability) for _, probability, *_ in parts]
