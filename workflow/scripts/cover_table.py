"""Rule covered: what covering people costs the models of a task, as a table and drawn."""

import pandas as pd

from stillact import covered, figures, judging_figures, log
from stillact.tables import read_csv, write_csv

with log.job(snakemake.log[0]):
    table = covered.judge(pd.concat(map(read_csv, snakemake.input.asked), ignore_index=True))
    write_csv(table, snakemake.output.csv)
    figure = judging_figures.covered(table)
    for path in (snakemake.output.svg, snakemake.output.png):
        figures.save(figure, path)
