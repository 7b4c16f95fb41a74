"""Rule robustness: drop in accuracy of a task's models under corruptions, as a table and figure."""

import pandas as pd

from stillact.core import logs
from stillact.core.tables import read_csv, write_csv
from stillact.figures import robustness as robustness_figures
from stillact.figures import style
from stillact.perturb import robustness

with logs.job(snakemake.log[0]):
    summary = robustness.evaluate(
        pd.concat(map(read_csv, snakemake.input.asked), ignore_index=True)
    )
    write_csv(summary, snakemake.output.csv)
    figure = robustness_figures.robustness(summary)
    for path in (snakemake.output.svg, snakemake.output.png):
        style.save(figure, path)
