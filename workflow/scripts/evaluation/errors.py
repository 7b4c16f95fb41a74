"""Rule errors: error analysis of the models of a task, holdout and cross-validated."""

from pathlib import Path

import pandas as pd

from stillact.core import logs
from stillact.core.tables import read_csv, write_csv
from stillact.data.fetch.cache import cached
from stillact.evaluation import agreement, error_analysis, error_factors
from stillact.evaluation.predictions import by_model
from stillact.evaluation.shown import shown

SCHEMES = ("holdout", "cv")

with logs.job(snakemake.log[0]):
    params, out = snakemake.params, snakemake.output
    predictions = read_csv(snakemake.input.predictions)
    predictions = predictions[predictions["model"].isin(params.models)]
    images = read_csv(snakemake.input.images)
    images = images[images["id"].isin(predictions["image_id"])]
    cache = Path(params.cache)
    brightness = {
        photo.id: error_factors.mean_luma(cached(cache, photo.sha256))
        for photo in images.itertuples()
    }
    manifest, people = read_csv(snakemake.input.manifest), read_csv(snakemake.input.people)
    factors = error_factors.factors(manifest, people, images, brightness)
    write_csv(factors, out.factors)
    given = {scheme: by_model(predictions, scheme=scheme) for scheme in SCHEMES}

    def in_both(table) -> pd.DataFrame:
        """A table for the holdout and for cross-validation, concatenated."""
        tables = {scheme: table(models) for scheme, models in given.items()}
        return pd.concat(tables, names=["scheme"]).reset_index(0)

    rates = in_both(lambda models: error_analysis.rates(models, factors))
    write_csv(rates, out.rates)
    of_scheme = rates.groupby("scheme", sort=False)
    contrasts = {scheme: error_analysis.contrasts(table) for scheme, table in of_scheme}
    write_csv(pd.concat(contrasts, names=["scheme"]).reset_index(0), out.contrasts)
    write_csv(in_both(agreement.agreement), out.agreement)
    write_csv(in_both(error_analysis.failures), out.failures)
    of = shown(read_csv(snakemake.input.pooled), **params.shown)

    def wrong(models) -> pd.DataFrame:
        return error_analysis.wrong_by_all({m: models[m] for m in of.models if m in models})

    write_csv(in_both(wrong), out.wrong_by_all)
