"""Rule accuracy_figure: dot plot of the accuracies in a table."""

from stillact.core import logs
from stillact.core.tables import read_csv
from stillact.data import overview
from stillact.evaluation import model_tables
from stillact.figures import results, style

with logs.job(snakemake.log[0]):
    params = snakemake.params[0]
    of = dict(task=params["task"], subset=params["subset"])
    seeds = model_tables.seed_accuracies(read_csv(snakemake.input.runs), params["rows"], **of)
    rate = overview.largest_class_rate(read_csv(snakemake.input.holdout), params["subset"])
    table = read_csv(snakemake.input.table)
    figure = results.accuracy(table, seeds, rate, params["subset"])
    for path in snakemake.output:
        style.save(figure, path)
