"""Rule embed_images: a backbone's embedding of every photo."""

from pathlib import Path

import numpy as np

from stillact import backbones, embed, log, training
from stillact.tables import read_csv, write_csv

with log.job(snakemake.log[0]), training.repeatable(snakemake.threads):
    device = training.choose_device("cuda" if snakemake.resources.gpu else "cpu")
    backbone = backbones.from_record(Path(snakemake.input.record)).to(device)
    photos = np.load(snakemake.input.photos, mmap_mode="r")
    embed.save(embed.of_photos(backbone, photos), snakemake.output.array)
    write_csv(read_csv(snakemake.input.index), snakemake.output.index)
