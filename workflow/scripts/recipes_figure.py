"""Rule recipes_figure: the accuracy of every recipe, drawn."""

from stillact import explore, figures, log, selection_figures
from stillact.tables import read_csv

with log.job(snakemake.log[0]):
    rate = explore.largest_class_rate(read_csv(snakemake.input.holdout), "test")
    figure = selection_figures.recipes(read_csv(snakemake.input.recipes), rate)
    for path in snakemake.output:
        figures.save(figure, path)
