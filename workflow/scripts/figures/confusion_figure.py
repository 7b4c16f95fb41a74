"""Rule confusion_figure: confusion matrices of the models."""

from stillact.core import logs
from stillact.core.tables import read_csv
from stillact.evaluation import metrics
from stillact.evaluation.predictions import by_model
from stillact.figures import results, style

with logs.job(snakemake.log[0]):
    params = snakemake.params[0]
    given = by_model(read_csv(snakemake.input.predictions), scheme=params["scheme"])
    figure = results.confusion({name: metrics.confusion(given[name]) for name in params["models"]})
    for path in snakemake.output:
        style.save(figure, path)
