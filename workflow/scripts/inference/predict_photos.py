"""Rule predict_photos: predictions of the deployed model on unlabelled photos."""

from pathlib import Path

import numpy as np
import torch

from stillact.config.data import Fetch
from stillact.core import logs
from stillact.core.tables import read_csv, write_csv
from stillact.data.people import boxes_of
from stillact.inference import deployed, predict, refit
from stillact.inference.label_next import LabelNext
from stillact.inference.novelty import Novelty
from stillact.training import loop

with logs.job(snakemake.log[0]), loop.repeatable(snakemake.threads):
    params, source, output = snakemake.params, snakemake.input, snakemake.output
    device = loop.choose_device("cuda" if snakemake.resources.gpu else "cpu")
    used = deployed.load(Path(source.used), params.models, device)
    labelled = used.labelled_features(refit.rows_of_all(read_csv(source.kfold)))
    novelty = Novelty(*labelled) if labelled else None

    def predicted(views: list[np.ndarray]) -> list[predict.Predicted]:
        found, features = used.predicted(*(torch.from_numpy(v).permute(0, 3, 1, 2) for v in views))
        if novelty is None or features is None:
            return [predict.Predicted(row) for row in found]
        rows = zip(found, novelty.p_values(features), features, strict=True)
        return [predict.Predicted(row, float(p), one) for row, p, one in rows]

    photos = read_csv(source.photos)
    found = list(zip(photos["file"], photos["reason"], strict=True))
    fetch, people = Fetch(**params.fetch), None
    if source.people:
        known = boxes_of(source.people)
        people = [known[name] for name in photos.iloc[:, 0]]
    rows = predict.answers(found, used.sees, fetch, predicted, snakemake.threads, people)
    limits, suggested = (used.record.threshold, used.record.set_limit), LabelNext()
    rows = suggested.watch(photos.iloc[:, 0], rows)
    predict.write(photos, rows, used.classes, *limits, Path(output.predictions))
    write_csv(suggested.table(photos.columns[0], used.classes), output.label_next)
