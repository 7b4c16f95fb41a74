"""Rule error_figures: figures of error rates, agreement, and photos that all models misclassify."""

from pathlib import Path

import pandas as pd

from stillact.core import logs
from stillact.core.tables import read_csv
from stillact.data.fetch.cache import cached
from stillact.evaluation import error_analysis
from stillact.evaluation.answer import Answer
from stillact.evaluation.shown import shown
from stillact.figures import errors as error_figures
from stillact.figures import style

with logs.job(snakemake.log[0]):
    given = snakemake.input
    of = shown(read_csv(given.pooled), **snakemake.params.shown)
    rates = of.of(read_csv(given.rates))
    agreement = of.of_pairs(read_csv(given.agreement))
    wrong = read_csv(given.wrong_by_all).query("scheme == @of.scheme")
    lines = [of.one(Answer.read(Path(given.answer)).chosen if given.answer else None)]
    if len(of.models) > 1:
        lines = [*lines, f"mean of {len(of.models)} models"]
        rates = pd.concat([rates, error_analysis.mean_over_models(rates, lines[1])])
    sentence = error_analysis.wrong_by_all_sentence(wrong, len(of.models), of.images)
    images = read_csv(given.images).set_index("id")
    cache = Path(snakemake.params.cache)
    paths = {image: cached(cache, images.loc[image, "sha256"]) for image in wrong["image_id"]}
    made = [
        error_figures.error_rates(rates, lines, of.over),
        error_figures.agreement(agreement, of.models, of.over),
    ]
    for files in (snakemake.output.svg, snakemake.output.png):
        for figure, path in zip(made, files, strict=True):
            style.save(figure, path)
    photos_figure = error_figures.wrong_by_all(wrong, paths, images["url"], sentence, of.over)
    style.save(photos_figure, snakemake.output.photos)
