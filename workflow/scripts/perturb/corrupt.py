"""Rule corrupt: predictions of the runs of one or more models on corrupted test photos."""

import time

import pandas as pd

from stillact.core import logs
from stillact.core.tables import write_csv
from stillact.perturb import ask, corruption
from stillact.recipes.asked import Asked
from stillact.training import jobs, loop, trained

with logs.job(snakemake.log[0]), loop.repeatable(snakemake.threads):
    params = snakemake.params
    files = jobs.paths(snakemake.input.items())
    device = loop.choose_device("cuda" if snakemake.resources.gpu else "cpu")
    asked = Asked.of(params.plans, files, device)
    pixels, photos = trained.test_photos(files, asked.classes)
    corruptions = corruption.asked(params.corruptions, params.severities)
    tables = []
    for runs in asked.runs():
        start = time.perf_counter()
        for version in corruption.versions(pixels, photos, asked.sees, corruptions):
            tables.append(ask.ask(runs, version, photos, corruption.COLUMNS, asked.classes))
            logs.detail(
                "%s: predictions of %d runs on %d photos, after %.1f s",
                version.change,
                len(runs),
                len(version.rows),
                time.perf_counter() - start,
            )
    write_csv(pd.concat(tables), snakemake.output[0])
