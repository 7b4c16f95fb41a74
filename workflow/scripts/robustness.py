"""Rule robustness: what corrupted photos cost the models of a task, as a table and drawn."""

import pandas as pd

from stillact import figures, log, robustness, robustness_figures
from stillact.tables import read_csv, write_csv

with log.job(snakemake.log[0]):
    summary = robustness.judge(pd.concat(map(read_csv, snakemake.input.asked), ignore_index=True))
    write_csv(summary, snakemake.output.csv)
    figure = robustness_figures.robustness(summary)
    for path in (snakemake.output.svg, snakemake.output.png):
        figures.save(figure, path)
