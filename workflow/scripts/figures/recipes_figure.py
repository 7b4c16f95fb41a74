"""Rule recipes_figure: dot plot of the accuracy of every recipe."""

from pathlib import Path

from stillact.core import logs
from stillact.core.tables import read_csv
from stillact.evaluation.answer import Answer
from stillact.figures import selection as selection_figures
from stillact.figures import style

with logs.job(snakemake.log[0]):
    found = Answer.read(Path(snakemake.input.answer))
    baselines = {"majority class": found.chance}
    if found.geometry is not None:
        baselines["boxes of people, no pixels"] = found.geometry.accuracy
    figure = selection_figures.recipes(read_csv(snakemake.input.recipes), baselines)
    for path in snakemake.output:
        style.save(figure, path)
