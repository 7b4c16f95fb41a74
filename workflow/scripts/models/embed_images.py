"""Rule embed_images: a backbone's embedding of every photo."""

from pathlib import Path

from stillact.core import arrays, logs
from stillact.core.tables import read_csv, write_csv
from stillact.models import embed
from stillact.models.backbones import loading
from stillact.training import loop

with logs.job(snakemake.log[0]), loop.repeatable(snakemake.threads):
    device = loop.choose_device("cuda" if snakemake.resources.gpu else "cpu")
    backbone = loading.frozen(Path(snakemake.input.record), device, snakemake.params.precision)
    photos = arrays.load(snakemake.input.photos, "r")
    arrays.save(embed.of_photos(backbone, photos), snakemake.output.array)
    write_csv(read_csv(snakemake.input.index), snakemake.output.index)
    embed.write_record(backbone, snakemake.output.record)
