"""Rule evaluate: metrics and comparisons of the models of a task, holdout and cross-validated."""

import pandas as pd

from stillact.core import logs
from stillact.core.tables import read_csv, write_csv
from stillact.evaluation import bootstrap, calibration, comparisons, power

SCHEMES = ("holdout", "cv")

with logs.job(snakemake.log[0]):
    models, out = snakemake.params.models, snakemake.output
    predictions = read_csv(snakemake.input.predictions)
    predictions = predictions[predictions["model"].isin(models)]
    scaled, _ = calibration.temperature_scaled(predictions)

    def in_both(table, rows=predictions, **options) -> pd.DataFrame:
        """A table for the holdout and for cross-validation, concatenated."""
        return pd.concat([table(rows, scheme=scheme, **options) for scheme in SCHEMES])

    write_csv(in_both(bootstrap.intervals), out.pooled)
    pairs = {s: comparisons.pairs(predictions, models, scheme=s) for s in SCHEMES}
    table = pd.concat(pairs, names=["scheme"]).reset_index(0)
    write_csv(table, out.pairs)
    runs = read_csv(snakemake.input.runs)
    smallest = power.smallest_differences(pairs["holdout"], runs, task=snakemake.wildcards.task)
    write_csv(smallest, out.smallest_differences)
    both = [
        in_both(calibration.scores, rows).assign(temperature_scaled=answer)
        for rows, answer in ((predictions, "no"), (scaled, "yes"))
    ]
    write_csv(pd.concat(both), out.calibration)
    write_csv(in_both(calibration.reliability), out.reliability)
