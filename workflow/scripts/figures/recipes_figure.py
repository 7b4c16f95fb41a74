"""Rule recipes_figure: dot plot of the accuracy of every recipe."""

from stillact.core import logs
from stillact.core.tables import read_csv
from stillact.data import overview
from stillact.figures import selection as selection_figures
from stillact.figures import style

with logs.job(snakemake.log[0]):
    rate = overview.largest_class_rate(read_csv(snakemake.input.holdout), "test")
    figure = selection_figures.recipes(read_csv(snakemake.input.recipes), rate)
    for path in snakemake.output:
        style.save(figure, path)
