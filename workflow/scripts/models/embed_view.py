"""Rule embed_view: a backbone's embedding of a view of every photo."""

from pathlib import Path

from stillact.core import arrays, logs
from stillact.models import embed
from stillact.models.backbones import loading
from stillact.training import loop

with logs.job(snakemake.log[0]), loop.repeatable(snakemake.threads):
    device = loop.choose_device("cuda" if snakemake.resources.gpu else "cpu")
    backbone = loading.frozen(Path(snakemake.input.record), device, snakemake.params.precision)
    photos = arrays.load(snakemake.input.photos, "r")
    of = embed.with_mirror if snakemake.wildcards.mirror else embed.of_photos
    arrays.save(of(backbone, photos), snakemake.output.array)
    embed.write_record(backbone, snakemake.output.record)
