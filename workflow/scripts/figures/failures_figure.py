"""Rule failures_figure: a confident error of each model on each class."""

from pathlib import Path

from stillact.core import logs
from stillact.core.tables import read_csv
from stillact.data.fetch.cache import cached
from stillact.evaluation.shown import shown
from stillact.figures import errors as error_figures
from stillact.figures import style

with logs.job(snakemake.log[0]):
    params, given = snakemake.params, snakemake.input
    of = shown(read_csv(given.pooled), **params.shown)
    failures = of.of(read_csv(given.failures))
    images = read_csv(given.images).set_index("id")
    cache = Path(params.cache)
    paths = {image: cached(cache, images.loc[image, "sha256"]) for image in failures["image_id"]}
    figure = error_figures.failures(
        failures, of.models, params.classes, paths, images["url"], of.over
    )
    style.save(figure, snakemake.output[0])
