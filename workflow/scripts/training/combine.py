"""Rules train_ensemble_*: runs of an ensemble, made of the predictions of its members' runs."""

from pathlib import Path

from stillact.core import logs
from stillact.recipes.ensemble import runs
from stillact.recipes.ensemble.config import EnsemblePlan

with logs.job(snakemake.log[0]):
    plan = EnsemblePlan.model_validate(snakemake.params.plan)
    for folder, files in snakemake.params.runs.items():
        runs.combine_run(plan, Path(folder), files["answers"], files["folds"])
