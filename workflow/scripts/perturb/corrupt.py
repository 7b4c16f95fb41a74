"""Rule corrupt: predictions of a model's runs on corrupted test photos."""

import time

import pandas as pd

from stillact.core import logs
from stillact.core.runs import Run, batches
from stillact.core.tables import write_csv
from stillact.perturb import corruption
from stillact.recipes.setups import plan_of, setup_of
from stillact.training import jobs, loop, trained

TOGETHER = 5  # runs in memory at a time; photos are corrupted once for all of them

with logs.job(snakemake.log[0]), loop.repeatable(snakemake.threads):
    params = snakemake.params
    plan = plan_of(params.plan)
    files = jobs.paths(snakemake.input.items())
    device = loop.choose_device("cuda" if snakemake.resources.gpu else "cpu")
    setup = setup_of(plan)(plan, files, device)
    pixels, photos = trained.test_photos(files, plan.classes)
    corruptions = corruption.asked(params.corruptions, params.severities)
    tables = []
    for batch in batches(files["weights"], TOGETHER):
        runs = {Run.at(path.parent): trained.load(setup, path) for path in batch}
        start = time.perf_counter()
        for version in corruption.versions(pixels, photos, setup.sees, corruptions):
            tables.append(corruption.ask(runs, version, photos, plan.classes))
            logs.detail(
                "%s, severity %d: predictions of %d runs on %d photos, after %.1f s",
                version.corruption,
                version.severity,
                len(runs),
                len(version.rows),
                time.perf_counter() - start,
            )
    write_csv(pd.concat(tables), snakemake.output[0])
