"""Rule more_photos: the learning curve of a linear probe, as a table and a figure."""

from pathlib import Path

import pandas as pd

from stillact.core import arrays, logs
from stillact.core.tables import read_csv, write_csv
from stillact.evaluation import more_photos
from stillact.evaluation.answer import Answer
from stillact.figures import selection as selection_figures
from stillact.figures import style
from stillact.models.prompts import normalised
from stillact.training.run_record import RunRecord

with logs.job(snakemake.log[0]):
    source, out, probes = snakemake.input, snakemake.output, snakemake.params.probes
    model = more_photos.probe_of(Answer.read(Path(source.answer)), list(probes))
    backbone, metas = probes[model]["embeddings"], probes[model]["metas"]
    split = read_csv(source.kfold).query("repeat == 0")
    rows = pd.Index(read_csv(f"{backbone}.csv")["image_id"]).get_indexer(split["image_id"])
    penalties = {int(fold): RunRecord.read(meta).chosen["c"] for fold, meta in metas.items()}
    table = more_photos.curve(
        normalised(arrays.load(f"{backbone}.npy"))[rows],
        pd.factorize(split["label"])[0],
        pd.factorize(split["group"])[0],
        split["fold"].to_numpy(int),
        penalties,
    )
    table.insert(0, "model", model)
    write_csv(table, out.csv)
    for path in (out.svg, out.png):
        style.save(selection_figures.more_photos(table), path)
