"""Rule cover: what a model's runs say of the test photos with people or background covered."""

import importlib

import numpy as np
import pandas as pd
import torch

from stillact import config, cover, log, training
from stillact.recipes import jobs, trained
from stillact.runs import Run
from stillact.tables import read_csv, write_csv

with log.job(snakemake.log[0]), training.repeatable(snakemake.threads):
    plan = config.PLAN.validate_python(snakemake.params[0])
    recipe = importlib.import_module(f"stillact.recipes.{plan.recipe}")  # code= names it
    files = jobs.paths(snakemake.input.items())
    device = training.choose_device("cuda" if snakemake.resources.gpu else "cpu")
    setup = recipe.setup(plan, files, device)
    part, photos = jobs.load_parts(
        np.load(files["photos"], mmap_mode="r"),
        files["photos_index"],
        jobs.rows(files["split"], "holdout"),
        plan.classes,
        torch.device("cpu"),
    )["test"]
    for table, columns in (("manifest", ["person_boxes"]), ("images", ["width", "height"])):
        told = read_csv(files[table]).set_index("id")[columns]
        photos = photos.join(told, on="image_id")
    regions = cover.regions_of(photos, trained.look(plan, files))
    photos["person_share"] = [of.share for of in regions]
    versions = cover.versions(part.inputs, regions)
    asked = []
    for weights in files["weights"]:
        run = trained.load(setup, weights)
        who = Run.at(weights.parent)
        asked.append(cover.ask(run.probabilities, versions, photos, who, plan.classes))
        log.logger.info("%s: asked about %d versions of %d photos", who, len(versions), len(photos))
    write_csv(pd.concat(asked), snakemake.output[0])
