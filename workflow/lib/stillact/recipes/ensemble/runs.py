"""The runs of an ensemble, made of the predictions of its members' runs."""

import platform
import resource
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import load_file, save_file

from stillact.core.installed import versions
from stillact.core.logs import detail
from stillact.core.probabilities import prob_columns, stored
from stillact.core.runs import Run
from stillact.core.tables import read_csv, replacing, write_csv
from stillact.recipes.ensemble import vote
from stillact.recipes.ensemble.config import EnsemblePlan
from stillact.training import run_record
from stillact.training.run_record import RunRecord

WEIGHTS = "weights.safetensors"


def out_of_fold(files: Sequence[Path]) -> pd.DataFrame:
    """The test predictions of a model's folds, which together are of every photo once."""
    table = pd.concat([read_csv(file) for file in files], ignore_index=True)
    return table[table["subset"] == "test"]


def combine_run(
    plan: EnsemblePlan,
    folder: Path,
    answers: Mapping[str, Path],
    folds: Mapping[str, Sequence[Path]] | None,
) -> None:
    """Write the files of a run: predictions.csv, history.csv, meta.json, and the vote's weights.

    Args:
        plan: of the ensemble.
        folder: of the run: .../{task}/{model}/{split}/seed_{seed}.
        answers: predictions.csv of each member's run with the same split and seed.
        folds: for a stack, predictions.csv of each member's folds of one repeat.
    """
    start = time.perf_counter()
    run = Run.at(folder)
    rows, found = vote.probabilities(
        [read_csv(answers[name]) for name in plan.members], plan.classes
    )
    tested = set(rows.loc[rows["subset"] == "test", "image_id"])
    tables = folds and {name: out_of_fold(folds[name]) for name in plan.members}
    made = vote.of_run(plan.combine, plan.classes, tables, tested, plan.training, len(plan.members))
    combined = stored(made.probabilities(found), plan.classes)
    table = pd.concat([rows, combined], axis=1)
    for place, (name, value) in enumerate(vars(run).items()):
        table.insert(place, name, value)
    write_csv(table, folder / "predictions.csv")
    write_csv(pd.DataFrame(made.history), folder / "history.csv")
    with replacing(folder / WEIGHTS) as part:
        save_file({"weight": made.weight, "bias": made.bias}, part)
    _describe(plan, run, made, folder, time.perf_counter() - start)
    test = (rows["subset"] == "test").to_numpy()
    right = combined.to_numpy()[test].argmax(1) == _labels(rows[test], plan.classes)
    detail("%s: combined %d models; %.3f right", run, len(plan.members), right.mean())


def combine_table(
    plan: EnsemblePlan,
    model: str,
    tables: Sequence[pd.DataFrame],
    weights: Mapping[int, Path],
) -> pd.DataFrame:
    """The predictions of an ensemble's runs on further photos, of those of its members.

    Args:
        plan: of the ensemble.
        model: its name.
        tables: predictions of each member, in the order of the plan, with the same other columns,
            such as corruption and severity; seed: of a member with fewer seeds the first is used.
        weights: of the ensemble's runs, by seed.
    """
    columns = prob_columns(plan.classes)
    found = []
    for seed, path in weights.items():
        made = load_file(path)
        own = [_of_seed(table, seed) for table in tables]
        keys = [name for name in own[0] if name not in (*columns, "model", "seed")]
        own = _in_common(own, keys)
        rows, probabilities = vote.probabilities(own, plan.classes, keys)
        combined = vote.Vote(made["weight"], made["bias"], [], {}).probabilities(probabilities)
        rows = rows.assign(model=model, seed=seed)
        rows[columns] = stored(combined, plan.classes).to_numpy()
        found.append(rows[list(tables[0])])
    return pd.concat(found, ignore_index=True)


def _in_common(tables: Sequence[pd.DataFrame], keys: list[str]) -> list[pd.DataFrame]:
    """The rows of photos that all members have: covered people may be in the view of one alone."""
    common = tables[0][keys]
    for table in tables[1:]:
        common = common.merge(table[keys])
    return [common.merge(table, how="left") for table in tables]


def _of_seed(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    rows = table[table["seed"] == seed]
    return rows if len(rows) else table[table["seed"] == table["seed"].iloc[0]]


def _labels(rows: pd.DataFrame, classes: Sequence[str]) -> np.ndarray:
    return pd.Index(classes).get_indexer(rows["label"])


def _describe(plan: EnsemblePlan, run: Run, made: vote.Vote, folder: Path, seconds: float) -> None:
    """Write meta.json, with the keys of trained runs."""
    record = RunRecord(
        run=run,
        device=f"cpu: {platform.machine()}",
        threads=1,
        precision="fp64",
        seconds=round(seconds, 2),
        peak_memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        epochs=0,
        chosen=made.chosen,
        parameters=made.weight.size + made.bias.size if made.chosen else 0,
        versions=versions(plan.packages),
        config=plan.model_dump(),
    )
    record.write(folder / run_record.FILE)
