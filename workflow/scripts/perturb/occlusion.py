"""Rule occlusion: accuracy of a task's models with people covered, as a table and a figure."""

from stillact.core import logs
from stillact.core.tables import read_csv, write_csv
from stillact.evaluation.predictions import of_models
from stillact.figures import statistics as statistics_figures
from stillact.figures import style
from stillact.perturb import occlusion_summary

with logs.job(snakemake.log[0]):
    found = of_models(map(read_csv, snakemake.input.asked), snakemake.params.models)
    table = occlusion_summary.evaluate(found)
    write_csv(table, snakemake.output.csv)
    figure = statistics_figures.covered(table)
    for path in (snakemake.output.svg, snakemake.output.png):
        style.save(figure, path)
