"""Rule metrics: metrics of each run, and of each model over its runs."""

import pandas as pd

from stillact.core import logs
from stillact.core.tables import read_csv, write_csv
from stillact.evaluation import metrics

with logs.job(snakemake.log[0]):
    tasks = [metrics.of_runs(read_csv(path)) for path in snakemake.input.predictions]
    runs = pd.concat(tasks, ignore_index=True)
    write_csv(runs, snakemake.output.runs)
    write_csv(metrics.summarise(runs), snakemake.output.summary)
