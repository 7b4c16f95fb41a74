"""Rule saliency_maps: saliency maps of a fine-tuned model's first run on the test photos."""

from pathlib import Path

import numpy as np

from stillact.core import logs
from stillact.core.tables import replacing, write_csv
from stillact.recipes.fine_tune import setup as fine_tune
from stillact.recipes.setups import plan_of
from stillact.saliency import maps as saliency_maps
from stillact.training import jobs, loop, trained

with logs.job(snakemake.log[0]), loop.repeatable(snakemake.threads):
    params, files = snakemake.params, jobs.paths(snakemake.input.items())
    plan = plan_of(params.plan)
    device = loop.choose_device("cuda" if snakemake.resources.gpu else "cpu")
    setup = fine_tune.setup(plan, files, device)
    pixels, photos = trained.test_photos(files, plan.classes)
    found = saliency_maps.of_run(
        trained.load(setup, files["weights"]),
        photos,
        pixels,
        setup.sees[0],
        plan.classes,
        params.layers,
        params.steps,
        trained.load(setup, files["shuffled"]) if "shuffled" in files else None,
    )
    write_csv(found.table, snakemake.output.table)
    Path(snakemake.output.note).write_text(found.note, encoding="utf-8")
    with replacing(snakemake.output.maps) as part, open(part, "wb") as file:
        ids = photos["image_id"].to_numpy(str)
        np.savez_compressed(file, image_ids=ids, grids=found.grids, regions=found.regions)
