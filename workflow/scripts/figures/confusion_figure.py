"""Rule confusion_figure: confusion matrices of the models."""

from stillact.core import logs
from stillact.core.tables import read_csv
from stillact.evaluation import metrics
from stillact.figures import results, style

with logs.job(snakemake.log[0]):
    params = snakemake.params[0]
    predictions = read_csv(snakemake.input.predictions)
    counts = metrics.confusion(predictions, params["models"], subset=params["subset"])
    figure = results.confusion(counts)
    for path in snakemake.output:
        style.save(figure, path)
