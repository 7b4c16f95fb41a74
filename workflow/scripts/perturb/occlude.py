"""Rule occlude: what a model's runs say of the test photos with people or background covered."""

import pandas as pd

from stillact.core import logs
from stillact.core.runs import Run
from stillact.core.tables import write_csv
from stillact.perturb import occlusion
from stillact.recipes.setups import plan_of, setup_of
from stillact.training import jobs, loop, trained

with logs.job(snakemake.log[0]), loop.repeatable(snakemake.threads):
    plan = plan_of(snakemake.params[0])
    files = jobs.paths(snakemake.input.items())
    device = loop.choose_device("cuda" if snakemake.resources.gpu else "cpu")
    setup = setup_of(plan)(plan, files, device)
    pixels, photos = trained.test_photos(files, plan.classes)
    regions = occlusion.regions_of(photos, setup.preprocessing)
    photos["person_share"] = [of.share for of in regions]
    versions = occlusion.versions(pixels, regions)
    asked = []
    for weights in files["weights"]:
        run = trained.load(setup, weights)
        who = Run.at(weights.parent)
        asked.append(occlusion.ask(run.probabilities, versions, photos, who, plan.classes))
        logs.logger.info(
            "%s: asked about %d versions of %d photos", who, len(versions), len(photos)
        )
    write_csv(pd.concat(asked), snakemake.output[0])
