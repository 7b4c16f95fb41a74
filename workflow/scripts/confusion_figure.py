"""Rule confusion_figure: which class each model takes for which."""

from stillact import figures, log, metrics
from stillact.tables import read_csv

with log.job(snakemake.log[0]):
    params = snakemake.params[0]
    predictions = read_csv(snakemake.input.predictions)
    counts = metrics.confusion(predictions, params["models"], subset=params["subset"])
    figure = figures.confusion(counts)
    for path in snakemake.output:
        figures.save(figure, path)
