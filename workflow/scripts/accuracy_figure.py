"""Rule accuracy_figure: the accuracies of a table's rows."""

from stillact import explore, figures, log, paper
from stillact.tables import read_csv

with log.job(snakemake.log[0]):
    params = snakemake.params[0]
    of = dict(task=params["task"], subset=params["subset"])
    seeds = paper.seed_accuracies(read_csv(snakemake.input.runs), params["rows"], **of)
    rate = explore.largest_class_rate(read_csv(snakemake.input.holdout), params["subset"])
    table = read_csv(snakemake.input.table)
    figure = figures.accuracy(table, seeds, rate, params["subset"])
    for path in snakemake.output:
        figures.save(figure, path)
