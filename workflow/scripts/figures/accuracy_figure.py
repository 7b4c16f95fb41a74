"""Rule accuracy_figure: dot plot of the accuracies in a table."""

from stillact.core import logs
from stillact.core.tables import read_csv
from stillact.data import overview
from stillact.evaluation import model_tables
from stillact.figures import results, style

with logs.job(snakemake.log[0]):
    asked = snakemake.params.table
    of = dict(task=asked["task"], subset=asked["subset"])
    seeds = model_tables.seed_accuracies(read_csv(snakemake.input.runs), asked["rows"], **of)
    rate = overview.largest_class_rate(read_csv(snakemake.input.holdout), asked["subset"])
    table = read_csv(snakemake.input.table)
    figure = results.accuracy(table, seeds, rate, asked["subset"])
    for path in snakemake.output:
        style.save(figure, path)
