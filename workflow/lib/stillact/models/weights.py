"""Pretrained weights: brought from the hub once, recorded, and read without running their code."""

import hashlib
import json
import pickle
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from stillact.config.backbones import Backbone
from stillact.core.errors import InputError
from stillact.core.logs import logger
from stillact.core.tables import replacing, sha256_of

PICKLES = (".bin", ".pt", ".pth")
RECORD = "weights.json"  # beside the fetched files, written last: what is there is whole

# What each loader reads of a repository; a pickle only where there are no safetensors.
CONFIGS = {
    "open_clip": ("open_clip_config.json",),
    "transformers": ("config.json", "preprocessor_config.json", "processor_config.json"),
    "timm": ("config.json",),
}
WEIGHTS = {
    "open_clip": ("open_clip_model.safetensors", "open_clip_pytorch_model.bin"),
    "transformers": ("model.safetensors", "pytorch_model.bin"),
    "timm": ("model.safetensors", "pytorch_model.bin"),
}
TOKENIZER = (
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("tokenizer.model", "spiece.model", "vocab.json", "vocab.txt", "merges.txt"),
)
SHOWN = 3  # keys named in a message


def place(block: Backbone, name: str, cache: str | Path) -> Path:
    """Where the weights of backbone `name` lie: the local path, or a folder in the cache.

    A folder holds one revision of one repository, so that studies can share a cache.
    """
    if block.repository is None:
        return Path(block.weights)
    source = f"{block.repository}@{block.revision}".replace("/", "--")
    return Path(cache, "weights", name, source)


def fetch(block: Backbone, name: str, cache: str | Path) -> dict:
    """Bring the weights of backbone `name` to their `place`, if they are not there, and check them.

    Returns:
        The record: backbone, loader, name (of the architecture), source, revision (the commit),
        licence, folder, files (name, bytes and sha256 of each), bytes (their sum), sha256 (of the
        list of the files' hashes and names).

    Raises:
        InputError: the hub cannot be had or has no such weights; there is nothing at the local
            path; a file is damaged, or a pickle that is not plain tensors.
    """
    target = place(block, name, cache)
    if block.repository is None:
        if not target.exists():
            raise InputError(f"backbones.{name}.weights: there is no file or folder {target}")
        record = _record(block, name, target, files(block, target), None, block.licence)
    else:
        record = _earlier(block, target) or _download(block, name, target)
    logger.info(
        "%s: %d files, %.0f MB, in %s", name, len(record["files"]), record["bytes"] / 1e6, target
    )
    return record


def files(block: Backbone, path: Path) -> list[Path]:
    """The files at `path`, itself one or a folder, that the backbone is loaded from."""
    if path.is_file():
        return [path]
    there = sorted(p.name for p in path.iterdir() if p.is_file())
    return [path / name for name in _wanted(there, block.loader)]


def weight_files(block: Backbone, path: Path) -> list[Path]:
    """Those of `files` that hold tensors.

    Raises:
        InputError: there is none.
    """
    found = [f for f in files(block, path) if f.suffix in (".safetensors", *PICKLES)]
    if not found:
        raise InputError(
            f"{path}: no weights that {block.loader} reads; expected "
            f"{' or '.join(WEIGHTS[block.loader])} in this folder, or the path of a weights file"
        )
    return found


def read(file: Path) -> dict[str, torch.Tensor]:
    """The tensors of a weights file by their names, on the CPU. Nothing in the file is executed.

    Raises:
        InputError: the file is damaged or cut short, a pickle that holds more than tensors, or of
            another kind.
    """
    if file.suffix not in (".safetensors", *PICKLES):
        raise InputError(f"{file}: not a weights file; expected .safetensors, {', '.join(PICKLES)}")
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        state = torch.load(file, map_location="cpu", weights_only=True)
    except SafetensorError as error:
        raise InputError(f"{file}: damaged or cut short ({error}); have it anew") from error
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{file}: refused, torch.load(weights_only=True) cannot read it ({reason}): it is cut "
            "short, or a pickle that could run code; give the weights as .safetensors"
        ) from error
    state = state.get("state_dict", state) if isinstance(state, dict) else state
    if not isinstance(state, dict) or not all(isinstance(t, torch.Tensor) for t in state.values()):
        raise InputError(f"{file}: holds something other than named tensors; give a state dict")
    return state


def require_fit(
    source: Path, architecture: str, missing: Iterable, unexpected: Iterable, reshaped: Iterable
) -> None:
    """Raise an InputError that lists the keys at fault, if there are any.

    Args:
        source: the weights.
        architecture: what they were to fit.
        missing, unexpected: names of tensors.
        reshaped: (name, shape in the file, shape in the architecture).
    """
    shapes = [f"{name} {tuple(got)} in place of {tuple(want)}" for name, got, want in reshaped]
    kinds = {"missing": list(missing), "unexpected": list(unexpected), "of another shape": shapes}
    faults = [f"{len(keys)} {kind}: {_some(keys)}" for kind, keys in kinds.items() if keys]
    if faults:
        raise InputError(
            f"{source}: the weights do not fit {architecture}; {'; '.join(faults)}. Give the name "
            "of the architecture that they were saved from, or other weights"
        )


def differences(
    want: Mapping[str, torch.Tensor], got: Mapping[str, torch.Tensor]
) -> tuple[list[str], list[str], list[tuple]]:
    """What `require_fit` is told: missing, unexpected and reshaped tensors of `got`."""
    shared = [name for name in want if name in got]
    reshaped = [(n, got[n].shape, want[n].shape) for n in shared if got[n].shape != want[n].shape]
    return sorted(want.keys() - got.keys()), sorted(got.keys() - want.keys()), reshaped


def _some(keys: list[str]) -> str:
    return ", ".join(keys[:SHOWN]) + (", ..." if len(keys) > SHOWN else "")


def _wanted(there: Iterable[str], loader: str) -> list[str]:
    """Which of a repository's files to have; shards of large transformers models included."""
    others = [name for name in there if name in (*CONFIGS[loader], *TOKENIZER)]
    for whole in WEIGHTS[loader]:
        stem, suffix = whole.rsplit(".", 1)
        shard = rf"{stem}(-\d+-of-\d+)?\.{suffix}(\.index\.json)?"
        if tensors := [name for name in there if re.fullmatch(shard, name)]:
            return sorted(tensors + others)
    return sorted(others)


def _download(block: Backbone, name: str, target: Path) -> dict:
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
    except Exception as error:  # whatever goes wrong with the hub, there are ways round it
        reason = str(error).strip().splitlines()[0] if str(error) else "no reason given"
        raise InputError(
            f"backbones.{name}.weights: the model {block.repository} at revision {block.revision} "
            f"could not be had from {hub} ({type(error).__name__}: {reason}). "
            f"{_way_out(error, f'{hub}/{block.repository}')}. Or bring it here in another way and "
            f"give its local path as backbones.{name}.weights, or run the study that needs no hub: "
            "make demo"
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
    """Hold fetched files against the sizes and hashes that the hub tells; remove one that differs.

    Raises:
        OSError: a file is not there (a hub that is lost on the way may pass unseen), or differs.
    """
    for file in files:
        path = folder / file.rfilename
        size = path.stat().st_size
        if (file.size not in (None, size)) or (file.lfs and sha256_of(path) != file.lfs.sha256):
            path.unlink()
            raise OSError(f"{file.rfilename} came damaged, with other bytes than the hub tells")


def _way_out(error: Exception, page: str) -> str:
    """What to do about an error of the hub's client."""
    from huggingface_hub.errors import GatedRepoError

    code = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, GatedRepoError) or code == 403:
        return f"Accept its terms at {page}, and set HF_TOKEN to a token of that account"
    if code in (401, 404):
        return "Correct the name or the revision; if it is private, set HF_TOKEN to a token for it"
    if code == 429:
        return "The hub has had too many requests: wait some minutes; with HF_TOKEN it allows more"
    if "CERTIFICATE" in str(error):
        return "Where your network signs for others, name its certificates in SSL_CERT_FILE"
    return "Try again: files that came are kept. Where a proxy leads out, set HTTPS_PROXY"


def _earlier(block: Backbone, target: Path) -> dict | None:
    """The record of weights fetched earlier for this loader, if every file still is as it was."""
    if not (target / RECORD).exists():
        return None
    record = json.loads((target / RECORD).read_text(encoding="utf-8"))
    if record.get("loader") != block.loader:
        return None  # each reads other files of a repository
    for file in record["files"]:
        path = target / file["name"]
        if not path.exists() or sha256_of(path) != file["sha256"]:
            logger.warning("%s: not as it was fetched; fetching it again", path)
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
        "source": block.weights,
        "revision": commit,
        "licence": licence,
        "folder": str(target),
        "files": rows,
        "bytes": sum(row["bytes"] for row in rows),
        "sha256": hashlib.sha256(listing.encode()).hexdigest(),
    }
