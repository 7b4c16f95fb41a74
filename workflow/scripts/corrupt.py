"""Rule corrupt: what a model's runs say of the test photos made worse."""

import time

import pandas as pd

from stillact import config, corruptions, log, training
from stillact.recipes import jobs, trained
from stillact.runs import Run, batches
from stillact.tables import write_csv

TOGETHER = 5  # runs that are in memory, for which photos are corrupted once

with log.job(snakemake.log[0]), training.repeatable(snakemake.threads):
    given = snakemake.params[0]
    plan = config.PLAN.validate_python(given["plan"])
    files = jobs.paths(snakemake.input.items())
    device = training.choose_device("cuda" if snakemake.resources.gpu else "cpu")
    setup = jobs.setup_of(plan)(plan, files, device)
    pixels, photos = trained.test_photos(files, plan.classes)
    look = trained.look(plan, files)
    asked = corruptions.asked(given["corruptions"], given["severities"])
    tables = []
    for batch in batches(files["weights"], TOGETHER):
        runs = {Run.at(path.parent): trained.load(setup, path) for path in batch}
        start = time.perf_counter()
        for version in corruptions.versions(pixels, photos, look, asked):
            tables.append(corruptions.ask(runs, version, photos, plan.classes))
            log.logger.info("%s, severity %d: %d runs asked about %d photos, after %.1f s",
                            version.corruption, version.severity, len(runs), len(version.rows),
                            time.perf_counter() - start)  # fmt: skip
    write_csv(pd.concat(tables), snakemake.output[0])
