"""The tiny towers that come with the project, so that a demo need not pretrain them.

A tower is one file of data/towers: its tensors as float16, of the token embeddings only the rows
that its captions and the config's prompts use, and in the metadata the other files of its folder
and the settings it was trained with. Imports no torch.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from stillact.config.synthetic import Pretrain
from stillact.core.errors import InputError
from stillact.core.tables import replacing

TABLE = "token_embedding.weight"  # end of its name
ROWS = "kept_tokens"  # rows of the table, and the number of all
WEIGHTS = ("model.safetensors", "open_clip_model.safetensors")
ALIKE = ("scenes", "seed", "size", "width", "layers", "text_width", "text_layers")
ALIKE += ("batch_size", "weight_decay")


def settings_of(tower: str, settings: Pretrain) -> dict[str, Any]:
    """The settings that a tower depends on; all start from the vit."""
    towers = {name: settings.towers[name].model_dump() for name in sorted({"vit", tower})}
    return {**settings.model_dump(include=set(ALIKE)), "towers": towers}


def pack(tower: str, folder: Path, settings: Pretrain, tokens: np.ndarray, target: Path) -> None:
    """Write a pretrained tower as one file.

    Args:
        tower: clip, siglip, vit or pose.
        folder: of the tower, an output of rule pretrain.
        settings: it was trained with.
        tokens: int, the rows of the token embeddings to keep.
        target: the file.
    """
    (weights,) = (folder / name for name in WEIGHTS if (folder / name).exists())
    tensors = load_file(weights)
    for name in [name for name in tensors if name.endswith(TABLE)]:
        tensors[ROWS] = np.array([*tokens, len(tensors[name])], np.int32)
        tensors[name] = tensors[name][tokens]
    kept = {n: t.astype(np.float16) if t.dtype == np.float32 else t for n, t in tensors.items()}
    texts = {
        file.name: file.read_text(encoding="utf-8")
        for file in sorted(folder.iterdir())
        if file.suffix in (".json", ".csv")
    }
    about = {"weights": weights.name, "settings": settings_of(tower, settings), "files": texts}
    with replacing(target) as part:
        _write(kept, part, {"stillact": json.dumps(about, sort_keys=True)})


def unpack(tower: str, file: Path, settings: Pretrain, folder: Path) -> None:
    """Write the folder of a tower, as rule pretrain does; other tokens have embeddings of 0.

    Raises:
        InputError: the tower was trained with other settings.
    """
    with safe_open(file, "np") as opened:
        about = json.loads(opened.metadata()["stillact"])
    _require_alike(tower, about["settings"], settings_of(tower, settings))
    tensors = load_file(file)
    if (rows := tensors.pop(ROWS, None)) is not None:
        *kept, count = rows.tolist()
        (name,) = (name for name in tensors if name.endswith(TABLE))
        table = np.zeros((count, tensors[name].shape[1]), np.float16)
        table[kept] = tensors[name]
        tensors[name] = table
    whole = {n: t.astype(np.float32) if t.dtype == np.float16 else t for n, t in tensors.items()}
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in about["files"].items():
        (folder / name).write_text(text, encoding="utf-8")
    _write(whole, folder / about["weights"], {"format": "pt"})


def _write(tensors: dict[str, np.ndarray], file: Path, metadata: dict[str, str]) -> None:
    """Write with the permissions of other files: safetensors gives them to the user alone."""
    file.touch()
    mode = file.stat().st_mode
    save_file(tensors, file, metadata)
    file.chmod(mode)


def _require_alike(tower: str, made: dict[str, Any], wanted: dict[str, Any]) -> None:
    for key, value in wanted.items():
        if made[key] != value:
            raise InputError(
                f"pretrain.{key}: the {tower} in data/towers was trained with {made[key]!r}, not "
                f"{value!r}; set pretrain.train: true to pretrain it with these settings"
            )
