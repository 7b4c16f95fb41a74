"""How the runs of one model are made: data in, trained runs out, nothing lost when interrupted."""

import contextlib
import fcntl
import hashlib
import importlib.metadata
import json
import os
import platform
import resource
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save_file

from stillact import augment, networks, training
from stillact.config import Plan
from stillact.log import InputError, logger
from stillact.runs import SUBSETS, Run
from stillact.tables import read_csv, sha256_of, write_csv

OUTPUTS = ("predictions.csv", "history.csv", "weights.safetensors", "meta.json")


@dataclass(frozen=True)
class Inputs:
    """The files that a run is made from.

    pack: uint8 array of photos; index: its rows (image_id, sha256); split: image_id, label, subset;
    code: the source files whose change makes a finished run stale.
    """

    pack: Path
    index: Path
    split: Path
    code: list[Path]


def train_runs(
    runs: list[Run],
    plan: Plan,
    inputs: Inputs,
    folders: list[Path],
    unfinished: Path,
    device: str,
    threads: int,
) -> None:
    """Train `runs` in one process and put each one's `OUTPUTS` into its folder.

    A finished run waits in `unfinished` until all are done, so that a job which is killed and
    started again trains none of them twice. What waits there is taken only if it was made from
    the same plan, inputs, code, versions and kind of device.
    """
    chosen = training.choose_device(device)
    made_from = _fingerprint(plan, inputs, chosen, threads)
    with training.repeatable(threads), contextlib.ExitStack() as held:
        works = [
            held.enter_context(_workplace(_unfinished(unfinished, run), made_from)) for run in runs
        ]
        parts = None
        for run, work in zip(runs, works, strict=True):
            if (work / "done").exists():
                logger.info("%s: finished by an earlier start, taken as it is", run)
                continue
            parts = parts or load_parts(inputs, plan.classes, chosen)
            _train(run, plan, parts, work, made_from, chosen)
        for work, folder in zip(works, folders, strict=True):
            folder.mkdir(parents=True, exist_ok=True)
            for name in OUTPUTS:
                _link(work / name, folder / name)
        for work in works:
            (work / "done").unlink()  # first, so that what is left is not taken for a whole run
            shutil.rmtree(work)


def _train(run: Run, plan: Plan, parts: dict, work: Path, made_from: str, device) -> None:
    start = time.perf_counter()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    settings = plan.training
    torch.manual_seed(run.rng_seed("start"))
    network = networks.build(plan.network, plan.matched, settings.size, len(plan.classes))
    network.to(device)
    change = augment.build(plan.augment, settings.size)
    tensors = {name: part for name, (part, _) in parts.items()}
    progress = training.fit(network, tensors, settings, change, run, work / "checkpoint.pt")
    if not progress.best_weights:
        raise InputError(
            f"{run}: the validation loss was never a number; lower learning_rate "
            f"(now {settings.learning_rate}) of the model's recipe in config.yaml"
        )
    write_csv(_predictions(run, network, parts, plan.classes), work / "predictions.csv")
    write_csv(pd.DataFrame(progress.history), work / "history.csv")
    weights = {k: v.contiguous().cpu() for k, v in network.state_dict().items()}
    save_file(weights, work / "weights.safetensors")
    seconds = time.perf_counter() - start
    meta = {
        "run": vars(run),
        "device": _device_name(device),
        "threads": torch.get_num_threads(),
        "seconds": round(seconds, 2),
        "peak_memory_mb": _peak_memory_mb(device),
        "epochs": progress.epoch,
        "best_epoch": progress.best_epoch,
        "parameters": networks.count_parameters(network),
        "versions": _versions(),
        "made_from": made_from,
        "config": plan.model_dump(),
    }
    (work / "meta.json").write_text(json.dumps(meta, indent=1) + "\n", encoding="utf-8")
    (work / "checkpoint.pt").unlink(missing_ok=True)
    (work / "done").touch()
    logger.info("%s: %d epochs, best %d, validation loss %.3f, %.1f s",
                run, progress.epoch, progress.best_epoch, progress.best_loss, seconds)  # fmt: skip


def load_parts(inputs: Inputs, classes: list[str], device) -> dict:
    """For each subset its `training.Part` and the split table's rows, both in that table's order.

    Raises:
        InputError: a subset has no photo; names the split table.
    """
    array = np.load(inputs.pack, mmap_mode="r")
    row_of = pd.Series(range(len(array)), index=read_csv(inputs.index)["image_id"])
    split = read_csv(inputs.split)
    parts = {}
    for subset in SUBSETS:
        table = split[split["subset"] == subset]
        if table.empty:
            raise InputError(f"{inputs.split}: no photo in the subset {subset}; add photos")
        images = torch.from_numpy(array[row_of[table["image_id"]].to_numpy()])
        labels = torch.tensor([classes.index(label) for label in table["label"]])
        part = training.Part(images.permute(0, 3, 1, 2).to(device), labels.to(device))
        parts[subset] = part, table
    return parts


def _predictions(run: Run, network, parts: dict, classes: list[str]) -> pd.DataFrame:
    """A row an image of validation and test: image, label and the probability of each class."""
    tables = []
    for subset in ("validation", "test"):
        part, table = parts[subset]
        logits = training.predict(network, part.images).double().cpu()
        table = table[["subset", "image_id", "label"]].reset_index(drop=True)
        columns = [f"prob_{name}" for name in classes]
        probabilities = pd.DataFrame(logits.softmax(1).numpy().round(8), columns=columns)
        tables.append(pd.concat([table, probabilities], axis=1))
    predictions = pd.concat(tables)
    for place, (name, value) in enumerate(vars(run).items()):
        predictions.insert(place, name, value)
    return predictions


def _unfinished(folder: Path, run: Run) -> Path:
    return folder / str(run).replace("/", ".")


@contextlib.contextmanager
def _workplace(folder: Path, made_from: str) -> Iterator[Path]:
    """The folder of an unfinished run, for one process at a time.

    The lock matters when an earlier Snakemake was killed and its job still trains: this one waits
    for it. What was made from something else is thrown away.
    """
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not _is_at(lock, folder / "lock"):
                continue  # removed by the process that this one waited for
            key = folder / "made_from"
            if not key.exists() or key.read_text() != made_from:
                for stale in [p for p in folder.iterdir() if p.name != "lock"]:
                    stale.unlink()
                key.write_text(made_from)
            yield folder
            return


def _is_at(file, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _fingerprint(plan: Plan, inputs: Inputs, device: torch.device, threads: int) -> str:
    parts = {
        "plan": plan.model_dump(),
        "files": [sha256_of(path) for path in (inputs.index, inputs.split, *inputs.code)],
        "versions": _versions(),
        "device": _device_name(device),
        "threads": threads,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _link(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        shutil.copy2(source, target)


def _versions() -> dict[str, str]:
    packages = ("torch", "torchvision", "numpy")
    return {"python": platform.python_version()} | {
        name: importlib.metadata.version(name) for name in packages
    }


def _device_name(device: torch.device) -> str:
    if device.type == "cpu":
        return f"cpu: {platform.machine()}"
    return f"cuda: {torch.cuda.get_device_name(device)}"


def _peak_memory_mb(device: torch.device) -> int:
    """Peak of the process (CPU) or of the run (GPU), in MiB."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) // 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
