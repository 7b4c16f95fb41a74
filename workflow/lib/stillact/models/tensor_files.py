"""Tensors as .safetensors files, with a hash of their content in the metadata."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from stillact.core.errors import damaged

HASH = "sha256"  # key of the metadata


def write(tensors: Mapping[str, torch.Tensor], file: Path) -> None:
    """Write tensors, with the permissions of other files: safetensors gives them to the user
    alone."""
    tensors = {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}
    file.touch()
    mode = file.stat().st_mode
    save_file(tensors, file, {HASH: _hash(tensors)})  # one key: safetensors keeps no order
    file.chmod(mode)


def read(file: Path) -> dict[str, torch.Tensor]:
    """Read tensors, on the CPU. The hash is checked if the file has one.

    Raises:
        InputError: the content differs from what was written.
        SafetensorError: it is not a complete safetensors file.
    """
    with safe_open(file, "pt") as opened:
        expected = (opened.metadata() or {}).get(HASH)
    tensors = load_file(file)
    if expected and _hash(tensors) != expected:
        raise damaged(file, ", its content changed after it was written")
    return tensors


def _hash(tensors: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 of the names, types, shapes and bytes."""
    found = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        found.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return found.hexdigest()
