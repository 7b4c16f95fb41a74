"""Training of the deployed model on all labelled photos."""

import hashlib
import json
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from stillact.config.training import Plan
from stillact.core.logs import detail
from stillact.core.runs import Run
from stillact.core.tables import sha256_of
from stillact.models import tensor_files, weights
from stillact.recipes.ensemble import setup as ensemble
from stillact.recipes.ensemble import vote
from stillact.recipes.ensemble.runs import out_of_fold
from stillact.recipes.setups import plan_of, setup_of
from stillact.training import jobs, run_dirs
from stillact.training.jobs import Chosen
from stillact.training.run_record import RunRecord

FITTED = "fitted.json"
OUTPUTS = (jobs.WEIGHTS, FITTED)


@dataclass(frozen=True)
class Source:
    """What a model is refitted from.

    plan: of its runs.
    files: the files that its setup reads, by name.
    metas: the meta.json of its other runs, cross-validated or on the holdout, from which the
        number of epochs and other values chosen on validation photos are taken.
    base: that of the model from which a derived one is made; None for others.
    seeds: one, or all those of whose runs the mean is taken.
    members: those of an ensemble, by name.
    folds: for a stacked ensemble, predictions.csv of the folds of each member.
    """

    plan: Plan
    files: Mapping[str, Path]
    metas: Sequence[Path]
    base: "Source | None" = None
    seeds: tuple[int, ...] = (0,)
    members: Mapping[str, "Source"] = field(default_factory=dict)
    folds: Mapping[str, Sequence[Path]] | None = None

    @classmethod
    def of(cls, block: Mapping[str, Any]) -> "Source":
        """From the params of rule deploy."""
        base = block["base"]
        return cls(
            plan_of(block["plan"]),
            {name: Path(file) for name, file in block["files"].items()},
            [Path(meta) for meta in block["metas"]],
            None if base is None else cls.of(base),
            tuple(block["seeds"]),
            {name: cls.of(member) for name, member in block["members"].items()},
            block["folds"],
        )


def rows_of_all(folds: pd.DataFrame) -> pd.DataFrame:
    """The split of a refit: every photo of the k-fold table is a training photo.

    Args:
        folds: image_id, label, repeat, fold.
    """
    rows = folds[folds["repeat"] == 0].drop(columns="repeat")
    return rows.assign(subset="train").reset_index(drop=True)


def chosen_in(metas: Sequence[Path]) -> dict[str, float]:
    """The median over runs of each value that they chose without their test photos, such as an
    epoch; the lower of two middle ones, so that it is a value that occurs."""
    chosen = [RunRecord.read(path).chosen for path in metas]
    values: dict[str, list[float]] = {}
    for one in chosen:
        for name, value in one.items():
            values.setdefault(name, []).append(value)
    return {name: statistics.median_low(found) for name, found in values.items()}


def refit(
    source: Source,
    run: Run,
    rows: pd.DataFrame,
    folder: Path,
    unfinished: Path,
    device: torch.device,
    code: str = "",
) -> Path:
    """Train a model on all photos, with the values that its other runs chose.

    The penalty of a linear probe is chosen anew, by the same inner folds; the number of epochs, or
    the alpha of an interpolation, is the median over the other runs, and training has no validation
    photos. A derived model's base, and the members of an ensemble, are refitted first; a stack is
    fitted on the out-of-fold predictions of all photos.

    Args:
        source: of the model.
        run: its identity, which determines the random draws; the split is `ALL`.
        rows: from `rows_of_all`.
        folder: gets the files of the run, and of its base.
        unfinished: folder of the working folders, from which an interrupted refit resumes, until
            `run_dirs.clear`.
        device: of the training.
        code: digest of the training code.

    Returns:
        The folder of `OUTPUTS`: the weights; and fitted.json: chosen, the values used; seconds.
    """

    def first(of: Source, name: str, seed: int) -> Path:
        one = replace(run, model=f"{run.model}.{name}", seed=seed)
        return refit(of, one, rows, folder, unfinished, device, code)

    if source.members:
        parts = [first(of, name, of.seeds[0]) for name, of in source.members.items()]
        return _combine(source, parts, folder / str(run))
    files: dict[str, Any] = dict(source.files)
    if source.base is not None:
        made = [first(source.base, "base", seed) for seed in source.seeds]
        files["weights"] = [place / jobs.WEIGHTS for place in made]
    chosen = chosen_in(source.metas)
    made_from = _made_from(source, files, rows, chosen, device, code)
    with run_dirs.locked(run_dirs.of(unfinished, Path(run.folder)), made_from) as work:
        if not run_dirs.is_finished(work):
            _fit(source, run, files, rows, chosen, work, device)
        run_dirs.publish(work, folder / str(run), OUTPUTS)
    return folder / str(run)


def _combine(source: Source, made: Sequence[Path], place: Path) -> Path:
    """Write the files of an ensemble, from the folders of its refitted members."""
    plan: Any = source.plan  # an EnsemblePlan
    tables = source.folds and {name: out_of_fold(files) for name, files in source.folds.items()}
    found = vote.of_run(
        plan.combine, plan.classes, tables, set(), plan.training, len(source.members)
    )
    combine = {name: torch.from_numpy(getattr(found, name)) for name in ("weight", "bias")}
    tensors = ensemble.together([weights.read(one / jobs.WEIGHTS) for one in made], combine)
    place.mkdir(parents=True)
    tensor_files.write(tensors, place / jobs.WEIGHTS)
    fitted = [json.loads((one / FITTED).read_text(encoding="utf-8")) for one in made]
    seconds = round(sum(one["seconds"] for one in fitted), 2)
    content = json.dumps({"chosen": found.chosen, "seconds": seconds}, indent=1)
    (place / FITTED).write_text(content + "\n", encoding="utf-8")
    return place


def _fit(
    source: Source,
    run: Run,
    files: Mapping[str, Any],
    rows: pd.DataFrame,
    chosen: Chosen,
    work: Path,
    device: torch.device,
) -> None:
    start = time.perf_counter()
    setup = setup_of(source.plan)(source.plan, files, device)
    checkpoint = work / "checkpoint.pt"
    network, found = jobs.fitted(run, source.plan, setup, setup.parts(rows), checkpoint, chosen)
    tensor_files.write(network.state_dict(), work / jobs.WEIGHTS)
    used = {**chosen, **getattr(network, "chosen", {}), **found.chosen}
    seconds = round(time.perf_counter() - start, 2)
    (work / FITTED).write_text(json.dumps({"chosen": used, "seconds": seconds}, indent=1) + "\n")
    run_dirs.finish(work)
    detail("%s: trained on all %d photos, %.1f s", run, len(rows), seconds)


def _made_from(
    source: Source,
    files: Mapping[str, Any],
    rows: pd.DataFrame,
    chosen: Chosen,
    device: torch.device,
    code: str,
) -> str:
    read = {name: [path] if isinstance(path, Path) else path for name, path in files.items()}
    parts = [
        source.plan.model_dump(),
        {name: [sha256_of(path) for path in paths] for name, paths in read.items()},
        rows.to_csv(index=False),
        dict(chosen),
        device.type,
        torch.get_num_threads(),
        code,
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
