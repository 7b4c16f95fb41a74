"""Rule figure_4: example photos with the saliency map of each class."""

from pathlib import Path

import numpy as np

from stillact.core import logs
from stillact.core.tables import read_csv, write_csv
from stillact.data.fetch.cache import cached
from stillact.data.people import boxes_of
from stillact.figures import saliency as saliency_figures
from stillact.figures import style
from stillact.saliency import localisation_summary

with logs.job(snakemake.log[0]):
    params, source = snakemake.params, snakemake.input
    maps = {Path(path).stem: np.load(path) for path in source.maps}
    models = [model for model in params.models if len(maps[model]["grids"])]
    model = params.model
    if model is None and models:
        model = localisation_summary.best(read_csv(source.summary), params.task, models)
    examples = localisation_summary.examples(read_csv(source.predictions), model, params.seed)
    if model not in models:  # none, or not a transformer
        examples = examples.head(0)
    write_csv(examples.assign(model=model), snakemake.output.csv)
    ids = maps[model]["image_ids"].tolist() if model in models else []
    grids, regions = (
        dict(zip(ids, maps[model][name], strict=True)) if ids else {}
        for name in ("grids", "regions")
    )
    images = read_csv(source.images).set_index("id")
    boxes = boxes_of(source.people)
    cache = Path(params.cache)
    paths = {image: cached(cache, images.loc[image, "sha256"]) for image in examples["image_id"]}
    run = f"{model}, seed {params.seed}"
    figure = saliency_figures.maps(examples, paths, images["url"], grids, regions, boxes, run)
    style.save(figure, snakemake.output.png)
