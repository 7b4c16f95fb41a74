"""Rule plan: cost estimate of the study before it runs."""

import os
from pathlib import Path

import pandas as pd

from stillact.core import logs
from stillact.core.tables import write_csv
from stillact.evaluation.answer import Answer
from stillact.evaluation.answer_text import sentences
from stillact.planning import estimate, work
from stillact.study.load import load

ANSWER = Path("results/answer.json")

with logs.job(snakemake.log[0]):
    params = snakemake.params
    settings = load(params.config)
    for name in work.unknown_backbones(settings):
        logs.logger.warning(
            "backbones.%s: its cost is not known; it is estimated as that of a ViT-B/16", name
        )
    photos = work.photos(settings)
    parts = work.parts(settings, photos, params.small, params.folds_per_job)
    past = estimate.Past.of(Path("results"), photos.total())
    table = estimate.table(parts, pd.read_csv(snakemake.input.costs), past, params.gpu_rules)
    write_csv(table, "results/plan.csv")
    print(table.to_string(index=False))
    print(f"\n{estimate.sentence(table, os.cpu_count() or 1)}")
    if about_weights := estimate.about_weights(settings):
        print(about_weights)
    if ANSWER.exists():
        print(f"\nSo far: {sentences(Answer.read(ANSWER))[0]}")
