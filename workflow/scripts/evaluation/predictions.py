"""Rule predictions: the predictions of all runs of a task in one table."""

import pandas as pd

from stillact.core import logs
from stillact.core.tables import read_csv, write_csv

with logs.job(snakemake.log[0]):
    runs = [read_csv(path) for path in snakemake.input.runs]
    write_csv(pd.concat(runs, ignore_index=True), snakemake.output[0])
