"""Rule predictions: the predictions of all runs of a task in one table."""

import pandas as pd

from stillact.core import logs
from stillact.core.tables import read_csv, write_csv
from stillact.evaluation.predictions import with_groups

with logs.job(snakemake.log[0]):
    runs = [read_csv(path) for path in snakemake.input.runs]
    table = pd.concat(runs, ignore_index=True)
    write_csv(with_groups(table, read_csv(snakemake.input.kfold)), snakemake.output[0])
