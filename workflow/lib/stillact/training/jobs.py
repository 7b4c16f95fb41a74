"""Training of the runs of one model in one process, resumable after an interruption."""

import contextlib
import functools
import hashlib
import json
import math
import resource
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from stillact.config.training import Plan
from stillact.core.errors import InputError
from stillact.core.installed import versions
from stillact.core.logs import detail, logger
from stillact.core.probabilities import stored
from stillact.core.runs import SHUFFLED, SUBSETS, Run, fold_of
from stillact.core.tables import read_csv, sha256_of, write_csv
from stillact.data.preprocessing import Preprocessing
from stillact.models import tensor_files
from stillact.models.precision import device_name
from stillact.training import loop, run_dirs, run_record
from stillact.training.run_record import RunRecord

OUTPUTS = ("predictions.csv", "history.csv", run_record.FILE)  # and, if saved, the weights
WEIGHTS = "weights.safetensors"

Parts = dict[str, tuple[loop.LabelledInputs, pd.DataFrame]]


@dataclass(frozen=True)
class Fitted:
    """The result of fitting a run's network.

    history: rows of history.csv.
    chosen: values selected without test photos, by name: an epoch, a penalty.
    """

    history: list[dict[str, float | str]]
    chosen: dict[str, float]


Chosen = Mapping[str, float]
Fit = Callable[[nn.Module, dict[str, loop.LabelledInputs], Run, Chosen | None], Fitted]


@dataclass(frozen=True, eq=False)
class Setup:
    """The training setup of a recipe for a plan and its files, shared by all runs of a process.

    parts: from a split (image_id, label, subset), the inputs and the rows of each subset, in the
        same order.
    network: returns a run's initial network, on the device; called with torch seeded and the run's
        train part, or with None if trained weights are loaded next.
    prepare: converts a batch of inputs to the network's input.
    features: converts packed photos, uint8 (photos, 3 * views, size, size), on the device, to the
        input of `see`, with the frozen backbone of `record` (None without one); differentiable. For
        models whose plans have the same `shared_features` it is the same function.
    see: converts those to the input of `prepare`.
    sees: preprocessing of each view in the packed photos; in most recipes there is one.
    record: weights.json of the frozen backbone whose features the network takes; None if the
        network takes photos.
    groups: parameter groups of the optimiser; None: one group.
    precision: of the training steps, "fp32" or "bf16".
    embedding_precision: of the frozen backbone of `record`, as for `loading.frozen`.
    penalty: a function of the network's parameters, added to the loss; None: no penalty.
    fit: replaces the training loop: sets the network's final parameters, given the parts by
        subset, and must not use the test part; None: the loop. Its last argument is None, or the
        values chosen in other runs, for a refit on all photos: there is no validation part then.
    """

    parts: Callable[[pd.DataFrame], Parts]
    network: Callable[[loop.LabelledInputs | None], nn.Module]
    prepare: loop.Prepare
    features: Callable[[torch.Tensor, nn.Module | None], torch.Tensor]
    sees: tuple[Preprocessing, ...]
    record: Path | None = None
    groups: Callable[[nn.Module], list[dict]] | None = None
    precision: str = "fp32"
    embedding_precision: str = "fp32"
    penalty: Callable[[nn.Module], torch.Tensor] | None = None
    fit: Fit | None = None
    see: Callable[[torch.Tensor], torch.Tensor] = lambda features: features

    def inputs(self, photos: torch.Tensor, backbone: nn.Module | None) -> torch.Tensor:
        """Convert packed photos to the input of `prepare`: `see` after `features`."""
        return self.see(self.features(photos, backbone))


Files = Mapping[str, Any]  # by name: a path, or of `weights` a list of paths
SetUp = Callable[[Any, Files, torch.device], Setup]


def train_runs(
    set_up: SetUp,
    plan: Plan,
    files: Mapping[str, Path | list[Path]],
    folders: list[Path],
    unfinished: Path,
    device: str,
    threads: int,
    keep_weights: bool = True,
    code: str = "",
) -> None:
    """Train the runs of `folders` in one process and write the `outputs` of each to its folder.

    A finished run stays in `unfinished` until `run_dirs.clear`, so that a job that was killed and
    restarted trains no run twice. It is reused only if it was made from the same plan, files, code,
    versions and kind of device.

    Args:
        set_up: the function `setup` of a recipe.
        plan: plan of the runs.
        files: by name: the input files of the recipe, and `split`, the holdout or k-fold table.
        folders: .../{task}/{model}/{split}/seed_{seed}, all of one task and model.
        unfinished: folder of unfinished runs, and of finished ones until they are cleared.
        device: "auto", "cpu" or "cuda".
        threads: number of torch's CPU threads.
        keep_weights: whether to save the weights.
        code: `dependencies.source_digest` of the training code.
    """
    chosen = loop.choose_device(device)
    runs = [Run.at(folder) for folder in folders]
    made_from = _fingerprint(plan, files, code, chosen, threads, keep_weights)
    with loop.repeatable(threads), contextlib.ExitStack() as stack:
        works = [
            stack.enter_context(run_dirs.locked(run_dirs.of(unfinished, folder), made_from))
            for folder in folders
        ]
        setup: Any = None  # a Setup, made when the first run needs it

        @functools.lru_cache(1)  # seeds share a split; folds, one after the other, do not
        def parts(split: str) -> Parts:
            return setup.parts(rows(files["split"], split))

        for run, work in zip(runs, works, strict=True):
            if run_dirs.is_finished(work):
                logger.info("%s: already trained in an earlier run; reusing it", run)
                continue
            setup = setup or set_up(plan, files, chosen)
            _train(run, plan, setup, parts(run.split), work, made_from, chosen, keep_weights)
        for work, folder in zip(works, folders, strict=True):
            run_dirs.publish(work, folder, outputs(keep_weights))


def paths(named: Iterable[tuple[str, str | Iterable[str]]]) -> dict[str, Path | list[Path]]:
    """The files of a job by name, as for `train_runs`."""
    return {
        name: Path(files) if isinstance(files, str) else [Path(file) for file in files]
        for name, files in named
    }


def outputs(keep_weights: bool) -> tuple[str, ...]:
    """The names of a run's files."""
    return (*OUTPUTS, WEIGHTS) if keep_weights else OUTPUTS


def weights_of(paths: Iterable[Path], run: Run) -> Path:
    """The weights of the run with the same split and seed, among those of one model."""
    by_run = {(found.split, found.seed): path for path in paths for found in [Run.at(path.parent)]}
    return by_run[run.split, run.seed]


def rows(table: Path, split: str) -> pd.DataFrame:
    """The rows of a split: image_id, label, subset.

    Args:
        table: CSV of the holdout split (image_id, label, subset), or of the folds (image_id, label,
            repeat, fold).
        split: "holdout"; `SHUFFLED`: the same, with the labels within train and within validation
            permuted; or of `fold_split`: the fold is the test set, the next one validation.

    Raises:
        InputError: a subset is empty; names the table.
    """
    found = read_csv(table)
    if split == SHUFFLED:
        rng = np.random.default_rng(0)
        for subset in ("train", "validation"):
            selected = found["subset"] == subset
            found.loc[selected, "label"] = rng.permutation(found.loc[selected, "label"])
    elif (place := fold_of(split)) is not None:
        repeat, fold = place
        found = found[found["repeat"] == repeat].reset_index(drop=True)
        following = (fold + 1) % (found["fold"].max() + 1)
        found["subset"] = "train"
        found.loc[found["fold"] == following, "subset"] = "validation"
        found.loc[found["fold"] == fold, "subset"] = "test"
    for subset in SUBSETS:
        if subset not in set(found["subset"]):
            raise InputError(f"{table}: no photo in the subset {subset}; add photos")
    return found


def _train(
    run: Run,
    plan: Plan,
    setup: Setup,
    parts: Parts,
    work: Path,
    made_from: str,
    device: torch.device,
    keep_weights: bool,
) -> None:
    start = time.perf_counter()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    network, found = fitted(run, plan, setup, parts, work / "checkpoint.pt")
    write_csv(pd.DataFrame(found.history), work / "history.csv")
    if keep_weights:
        tensor_files.write(network.state_dict(), work / WEIGHTS)
    write_csv(_predictions(run, network, setup, parts, plan.classes), work / "predictions.csv")
    seconds = time.perf_counter() - start
    record = RunRecord(
        run=run,
        device=device_name(device),
        threads=torch.get_num_threads(),
        precision=setup.precision,
        seconds=round(seconds, 2),
        peak_memory_mb=_peak_memory_mb(device),
        epochs=len(found.history) if setup.fit is None else 0,
        chosen={**getattr(network, "chosen", {}), **found.chosen},
        parameters=sum(p.numel() for p in network.parameters()),
        versions=versions(plan.packages),
        made_from=made_from,
        config=plan.model_dump(),
    )
    record.write(work / run_record.FILE)
    for checkpoint in work.glob("*.pt"):
        checkpoint.unlink()
    run_dirs.finish(work)
    values = ", ".join(f"{name} {value:.6g}" for name, value in record.chosen.items())
    chosen = f", chosen {values}" if values else ""
    detail("%s: %d epochs%s, %.1f s", run, record.epochs, chosen, seconds)


def fitted(
    run: Run,
    plan: Plan,
    setup: Setup,
    parts: Parts,
    checkpoint: Path,
    chosen: Chosen | None = None,
) -> tuple[nn.Module, Fitted]:
    """Fit a run's network.

    Args:
        run: determines the random draws.
        plan, setup: of the run.
        parts: of `setup.parts`; for a refit only "train" is used.
        checkpoint: as for `loop.fit`.
        chosen: for a refit on all photos, the values chosen in other runs.
    """
    torch.manual_seed(run.rng_seed("start"))
    network = setup.network(parts["train"][0])
    fit = setup.fit or functools.partial(_by_epochs, setup, plan, checkpoint)
    return network, fit(network, {name: part for name, (part, _) in parts.items()}, run, chosen)


def _by_epochs(
    setup: Setup,
    plan: Plan,
    checkpoint: Path,
    network: nn.Module,
    parts: dict[str, loop.LabelledInputs],
    run: Run,
    chosen: Chosen | None,
) -> Fitted:
    progress = loop.fit(
        network,
        parts,
        plan.training,
        setup.prepare,
        run,
        checkpoint,
        setup.groups and setup.groups(network),
        setup.precision,
        setup.penalty,
        None if chosen is None else int(chosen["epoch"]),
    )
    if not math.isfinite(progress.kept_loss):
        raise InputError(
            f"{run}: the training diverged: its loss is not a number; lower "
            f"learning_rate (now {plan.training.learning_rate}) of the model's recipe in "
            "config.yaml"
        )
    return Fitted(progress.history, {"epoch": progress.kept_epoch})


def load_parts(
    array: np.ndarray, index: Path, rows: pd.DataFrame, classes: list[str], device: torch.device
) -> Parts:
    """The `loop.LabelledInputs` and the rows of each subset, both in the order of `rows`.

    Args:
        array: one row per photo: packed photos, uint8 (photos, size, size, 3), or features, float32
            (photos, width).
        index: CSV of its rows (image_id).
        rows: image_id, label, subset.
        classes: labels in the order of the network's outputs.
    """
    row_of = pd.Series(range(len(array)), index=read_csv(index)["image_id"])
    parts = {}
    for subset in SUBSETS:
        table = rows[rows["subset"] == subset]
        inputs = torch.from_numpy(array[row_of[table["image_id"]].to_numpy()])
        if inputs.ndim == 4:
            inputs = inputs.permute(0, 3, 1, 2)
        labels = torch.tensor([classes.index(label) for label in table["label"]])
        parts[subset] = loop.LabelledInputs(inputs.to(device), labels.to(device)), table
    return parts


def _predictions(
    run: Run,
    network: nn.Module,
    setup: Setup,
    parts: Parts,
    classes: list[str],
) -> pd.DataFrame:
    """One row per image of validation and test: image, label and the probability of each class."""
    tables = []
    for subset in ("validation", "test"):
        part, table = parts[subset]
        logits = loop.predict(network, part.inputs, setup.prepare).double().cpu()
        table = table[["subset", "image_id", "label"]].reset_index(drop=True)
        probabilities = stored(logits.softmax(1).numpy(), classes)
        tables.append(pd.concat([table, probabilities], axis=1))
    predictions = pd.concat(tables)
    for place, (name, value) in enumerate(vars(run).items()):
        predictions.insert(place, name, value)
    return predictions


def _fingerprint(
    plan: Plan, files: Mapping, code: str, device, threads: int, keep_weights: bool
) -> str:
    read = {name: [path] if isinstance(path, Path) else path for name, path in files.items()}
    parts = {
        "plan": plan.model_dump(),
        "files": {name: [sha256_of(path) for path in paths] for name, paths in read.items()},
        "code": code,
        "versions": versions(plan.packages),
        "device": device_name(device),
        "threads": threads,
        "keep_weights": keep_weights,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _peak_memory_mb(device: torch.device) -> int:
    """Peak memory of the process (CPU) or of the run (GPU), MiB."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) // 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
