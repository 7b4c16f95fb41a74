"""Rule occlude: predictions of the runs of one or more models on test photos with people or
background covered."""

import pandas as pd

from stillact.core import logs
from stillact.core.tables import write_csv
from stillact.perturb import ask, occlusion
from stillact.recipes.asked import Asked
from stillact.training import jobs, loop, trained

with logs.job(snakemake.log[0]), loop.repeatable(snakemake.threads):
    files = jobs.paths(snakemake.input.items())
    device = loop.choose_device("cuda" if snakemake.resources.gpu else "cpu")
    asked = Asked.of(snakemake.params.plans, files, device)
    pixels, photos = trained.test_photos(files, asked.classes)
    regions = occlusion.regions_of(photos, asked.sees[0])
    photos["person_share"] = [region.share for region in regions]
    versions = occlusion.versions(pixels, regions)
    tables = []
    for runs in asked.runs():
        for version in versions:
            tables.append(ask.ask(runs, version, photos, occlusion.COLUMNS, asked.classes))
        logs.detail("%d runs: predictions on %d versions of the photos", len(runs), len(versions))
    write_csv(pd.concat(tables), snakemake.output[0])
