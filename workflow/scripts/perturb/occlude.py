"""Rule occlude: predictions of a model's runs on test photos with people or background covered."""

import pandas as pd

from stillact.core import logs
from stillact.core.runs import Run
from stillact.core.tables import write_csv
from stillact.perturb import occlusion
from stillact.recipes.setups import plan_of, setup_of
from stillact.training import jobs, loop, trained

with logs.job(snakemake.log[0]), loop.repeatable(snakemake.threads):
    plan = plan_of(snakemake.params.plan)
    files = jobs.paths(snakemake.input.items())
    device = loop.choose_device("cuda" if snakemake.resources.gpu else "cpu")
    setup = setup_of(plan)(plan, files, device)
    pixels, photos = trained.test_photos(files, plan.classes)
    regions = occlusion.regions_of(photos, setup.sees[0])
    photos["person_share"] = [region.share for region in regions]
    versions = occlusion.versions(pixels, regions)
    tables = []
    for weights in files["weights"]:
        run = trained.load(setup, weights)
        name = Run.at(weights.parent)
        tables.append(occlusion.ask(run.probabilities, versions, photos, name, plan.classes))
        logs.detail("%s: predictions on %d versions of %d photos", name, len(versions), len(photos))
    write_csv(pd.concat(tables), snakemake.output[0])
