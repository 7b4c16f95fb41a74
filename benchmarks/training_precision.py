"""Training in bfloat16 and in float32: CPU seconds, and the accuracy over folds and seeds.

For each named model of a finished study, its runs on the folds of the first repeat are trained
again in both precisions with each seed. `difference` is the mean over photos of the accuracy in
bf16 minus that in fp32, in points, with its standard error over photos; `seeds` is the standard
deviation of a precision's accuracy between seeds, in points.
"""

import argparse
import dataclasses
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from side_by_side import RESULTS

from stillact.core.runs import Run, fold_split
from stillact.core.tables import read_csv
from stillact.recipes.setups import plan_of, setup_of
from stillact.training import jobs, loop
from stillact.training.run_record import RunRecord

PRECISIONS = ("fp32", "bf16")


def trained(task: str, model: str, seeds: int, folds: int) -> dict:
    """Right or wrong by precision, seed and photo, and the CPU seconds, of all folds."""
    records = sorted(Path("results/runs", task, model).rglob("meta.json"))
    plan = plan_of(RunRecord.read(records[0]).config)
    files = jobs.paths(plan.reads().items())
    setup = setup_of(plan)(plan, files, torch.device("cpu"))
    table = Path(f"results/splits/{task}/kfold.csv")
    folds = min(folds, read_csv(table)["fold"].max() + 1)
    right, taken = {p: [[] for _ in range(seeds)] for p in PRECISIONS}, dict.fromkeys(PRECISIONS, 0)
    for split in (fold_split(0, fold) for fold in range(folds)):
        parts = setup.parts(jobs.rows(table, split))
        for seed in range(seeds):
            for precision in PRECISIONS:
                start = time.process_time()
                with tempfile.TemporaryDirectory() as folder:
                    of = dataclasses.replace(setup, precision=precision)
                    run = Run(task, model, split, seed)
                    network, _ = jobs.fitted(run, plan, of, parts, Path(folder, "checkpoint.pt"))
                taken[precision] += time.process_time() - start
                test = parts["test"][0]
                found = loop.predict(network, test.inputs, setup.prepare).argmax(1)
                right[precision][seed].append((found == test.labels).double().numpy())
    by = {p: np.stack([np.concatenate(one) for one in right[p]]) for p in PRECISIONS}
    difference = (by["bf16"] - by["fp32"]).mean(0)
    return {
        "model": model,
        "runs": folds * seeds,
        **{f"{p}_accuracy": by[p].mean() for p in PRECISIONS},
        "difference": 100 * difference.mean(),
        "error": 100 * difference.std(ddof=1) / len(difference) ** 0.5,
        "seeds": 100 * np.mean([by[p].mean(1).std() for p in PRECISIONS]),
        **{f"{p}_cpu_s": taken[p] for p in PRECISIONS},
        "ratio": taken["fp32"] / taken["bf16"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path, help="folder of a finished study")
    parser.add_argument("models", nargs="+")
    parser.add_argument("--task", default="activity3")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folds", type=int, default=10)
    options = parser.parse_args()
    results = RESULTS.absolute()
    results.mkdir(parents=True, exist_ok=True)
    os.chdir(options.study)
    rows = []
    for model in options.models:  # each takes minutes: nothing is lost if a later one fails
        with loop.repeatable(1):
            rows.append(trained(options.task, model, options.seeds, options.folds))
        table = pd.DataFrame(rows)
        table.to_csv(results / "training_precision.csv", index=False)
        print(table.round(4).to_string(index=False), flush=True)


if __name__ == "__main__":
    main()
