"""Rule robustness: drop in accuracy of a task's models under corruptions, as a table and figure."""

from stillact.core import logs
from stillact.core.tables import read_csv, write_csv
from stillact.evaluation.predictions import of_models
from stillact.figures import robustness as robustness_figures
from stillact.figures import style
from stillact.perturb import robustness

with logs.job(snakemake.log[0]):
    found = of_models(map(read_csv, snakemake.input.asked), snakemake.params.models)
    summary = robustness.evaluate(found)
    write_csv(summary, snakemake.output.csv)
    figure = robustness_figures.robustness(summary)
    for path in (snakemake.output.svg, snakemake.output.png):
        style.save(figure, path)
