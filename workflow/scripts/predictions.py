"""Rule predictions: the predictions of all runs of a task in one table."""

import pandas as pd

from stillact import log
from stillact.tables import read_csv, write_csv

with log.job(snakemake.log[0]):
    runs = [read_csv(path) for path in snakemake.input.runs]
    write_csv(pd.concat(runs, ignore_index=True), snakemake.output[0])
