"""Rule predict_photos: predictions of the deployed model on unlabelled photos."""

from pathlib import Path

import numpy as np
import torch

from stillact.config.data import Fetch
from stillact.core import logs
from stillact.core.tables import read_csv
from stillact.data.people import boxes_of
from stillact.inference import deployed, predict
from stillact.training import loop

with logs.job(snakemake.log[0]), loop.repeatable(snakemake.threads):
    params = snakemake.params[0]
    device = loop.choose_device("cuda" if snakemake.resources.gpu else "cpu")
    used = deployed.load(Path(snakemake.input.used), params["models"], device)

    def probabilities(views: list[np.ndarray]) -> np.ndarray:
        return used.probabilities(*(torch.from_numpy(v).permute(0, 3, 1, 2) for v in views))

    photos = read_csv(snakemake.input.photos)
    found = list(zip(photos["file"], photos["reason"], strict=True))
    fetch = Fetch(**params["fetch"])
    people = None
    if snakemake.input.people:
        known = boxes_of(snakemake.input.people)
        people = [known[name] for name in photos.iloc[:, 0]]
    rows = predict.answers(found, used.sees, fetch, probabilities, snakemake.threads, people)
    limits = used.record.threshold, used.record.set_limit
    predict.write(photos, rows, used.classes, *limits, Path(snakemake.output[0]))
