"""Rule external_predict: predictions of all runs of one or more models on a second dataset."""

from pathlib import Path

import numpy as np
import torch

from stillact.config.data import Fetch
from stillact.core import logs
from stillact.core.tables import read_csv, write_csv
from stillact.data.fetch.cache import cached
from stillact.data.people import boxes_of
from stillact.evaluation import external
from stillact.inference import predict
from stillact.recipes.asked import Asked
from stillact.training import jobs, loop, trained

with logs.job(snakemake.log[0]), loop.repeatable(snakemake.threads):
    params, files = snakemake.params, jobs.paths(snakemake.input.items())
    device = loop.choose_device("cuda" if snakemake.resources.gpu else "cpu")
    asked = Asked.of(params.plans, files, device)
    (runs,) = asked.runs(together=None)

    def probabilities(views: list[np.ndarray]) -> np.ndarray:
        pixels = torch.from_numpy(np.concatenate(views, 3)).permute(0, 3, 1, 2)
        return np.stack(trained.of_runs([*runs.values()], pixels), 1)

    tables = [read_csv(files[name]) for name in ("external", "external_images", "copies")]
    photos, left_out = external.photos(*tables)
    logs.logger.info("%d photos, %d excluded because the study has them", len(photos), left_out)
    cached_photos = [(str(cached(Path(params.cache), sha)), "") for sha in photos["sha256"]]
    limits = Fetch(**params.fetch)
    people = None
    if files["people"]:
        known = boxes_of(files["people"])
        people = [known[name] for name in photos["image_id"]]
    predicted = predict.answers(
        cached_photos, asked.sees, limits, probabilities, snakemake.threads, people
    )
    write_csv(external.table(photos, predicted, [*runs], asked.classes), snakemake.output[0])
