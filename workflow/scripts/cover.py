"""Rule cover: what a model's runs say of the test photos with people or background covered."""

import pandas as pd

from stillact import config, cover, log, training
from stillact.recipes import jobs, trained
from stillact.runs import Run
from stillact.tables import write_csv

with log.job(snakemake.log[0]), training.repeatable(snakemake.threads):
    plan = config.PLAN.validate_python(snakemake.params[0])
    files = jobs.paths(snakemake.input.items())
    device = training.choose_device("cuda" if snakemake.resources.gpu else "cpu")
    setup = jobs.setup_of(plan)(plan, files, device)
    pixels, photos = trained.test_photos(files, plan.classes)
    regions = cover.regions_of(photos, trained.look(plan, files))
    photos["person_share"] = [of.share for of in regions]
    versions = cover.versions(pixels, regions)
    asked = []
    for weights in files["weights"]:
        run = trained.load(setup, weights)
        who = Run.at(weights.parent)
        asked.append(cover.ask(run.probabilities, versions, photos, who, plan.classes))
        log.logger.info("%s: asked about %d versions of %d photos", who, len(versions), len(photos))
    write_csv(pd.concat(asked), snakemake.output[0])
