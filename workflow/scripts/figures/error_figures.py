"""Rule error_figures: figures of error rates, agreement, and photos that all models misclassify."""

from pathlib import Path

import pandas as pd

from stillact.core import logs
from stillact.core.tables import read_csv
from stillact.data.fetch.cache import cached
from stillact.evaluation import error_analysis
from stillact.figures import errors as error_figures
from stillact.figures import statistics as statistics_figures
from stillact.figures import style

NAMES = ("rates", "agreement", "wrong_by_all")

with logs.job(snakemake.log[0]):
    given = snakemake.input
    pooled = read_csv(given.pooled)
    scheme, models, over = statistics_figures.drawn(pooled)
    tables = {name: read_csv(given[name]) for name in NAMES}
    rates, agreement, wrong = (table[table["scheme"] == scheme] for table in tables.values())
    shown = models[:1]
    if len(models) > 1:
        shown = [*shown, f"mean of {len(models)} models"]
        rates = pd.concat([rates, error_analysis.mean_over_models(rates, shown[1])])
    photos = pooled.loc[pooled["scheme"] == scheme, "images"].max()
    sentence = error_analysis.wrong_by_all_sentence(wrong, len(models), photos)
    images = read_csv(given.images).set_index("id")
    cache = Path(snakemake.params[0]["cache"])
    paths = {image: cached(cache, images.loc[image, "sha256"]) for image in wrong["image_id"]}
    made = [
        error_figures.error_rates(rates, shown, over),
        error_figures.agreement(agreement, models, over),
    ]
    for files in (snakemake.output.svg, snakemake.output.png):
        for figure, path in zip(made, files, strict=True):
            style.save(figure, path)
    photos_figure = error_figures.wrong_by_all(wrong, paths, images["url"], sentence, over)
    style.save(photos_figure, snakemake.output.photos)
