"""Rules corrupt_together and external_together: predictions of an ensemble on further photos, made
of those of its members."""

from pathlib import Path

import pandas as pd

from stillact.core import logs
from stillact.core.runs import Run
from stillact.core.tables import read_csv, write_csv
from stillact.recipes.ensemble import runs
from stillact.recipes.ensemble.config import EnsemblePlan

with logs.job(snakemake.log[0]):
    plan = EnsemblePlan.model_validate(snakemake.params.plan)
    weights = {Run.at(Path(path).parent).seed: Path(path) for path in snakemake.input.weights}
    found = pd.concat([read_csv(path) for path in snakemake.input.asked], ignore_index=True)
    tables = [found[found["model"] == member].reset_index(drop=True) for member in plan.members]
    table = runs.combine_table(plan, snakemake.wildcards.model, tables, weights)
    write_csv(table, snakemake.output[0])
