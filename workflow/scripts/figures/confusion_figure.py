"""Rule confusion_figure: confusion matrices of the models."""

from stillact.core import logs
from stillact.core.tables import read_csv, write_csv
from stillact.evaluation import metrics
from stillact.evaluation.predictions import by_model
from stillact.evaluation.shown import shown
from stillact.figures import results, style

with logs.job(snakemake.log[0]):
    params = snakemake.params
    of = shown(read_csv(snakemake.input.pooled), **params.shown)
    # The paper's figure is on the test photos.
    scheme, models = ("holdout", params.papers) if params.papers else (of.scheme, of.models)
    given = by_model(read_csv(snakemake.input.predictions), scheme=scheme)
    counts = {name: metrics.confusion(given[name]) for name in models}
    write_csv(metrics.confusion_rows(counts, scheme), snakemake.output.csv)
    figure = results.confusion(counts)
    for path in (snakemake.output.png, snakemake.output.svg):
        style.save(figure, path)
