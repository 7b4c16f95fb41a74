"""Rule plan: what the study takes, told before it is begun."""

from pathlib import Path

import pandas as pd

from stillact import config, log, plan
from stillact.tables import write_csv

with log.job(snakemake.log[0]):
    params = snakemake.params[0]
    settings = config.load(params["config"])
    photos = plan.photos(settings)
    parts = plan.parts(settings, photos, params["small"], params["folds_per_job"])
    past = plan.Past.of(Path("results"), photos.total())
    table = plan.table(parts, pd.read_csv(snakemake.input.costs), past, params["gpu_rules"])
    write_csv(table, "results/plan.csv")
    print(table.to_string(index=False))
