"""Rule failures_figure: a confident error of each model on each class."""

from pathlib import Path

from stillact.core import logs
from stillact.core.tables import read_csv
from stillact.data.fetch.cache import cached
from stillact.figures import errors as error_figures
from stillact.figures import statistics as statistics_figures
from stillact.figures import style

with logs.job(snakemake.log[0]):
    params, given = snakemake.params[0], snakemake.input
    scheme, models, over = statistics_figures.drawn(read_csv(given.pooled))
    failures = read_csv(given.failures)
    failures = failures[failures["scheme"] == scheme]
    images = read_csv(given.images).set_index("id")
    cache = Path(params["cache"])
    paths = {image: cached(cache, images.loc[image, "sha256"]) for image in failures["image_id"]}
    figure = error_figures.failures(failures, models, params["classes"], paths, images["url"], over)
    style.save(figure, snakemake.output[0])
