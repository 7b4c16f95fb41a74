"""Rule embed_unprojected: a backbone's features of every photo, and the projection after them."""

from pathlib import Path

from stillact.core import arrays, logs
from stillact.models import embed
from stillact.models.backbones import loading
from stillact.training import loop

with logs.job(snakemake.log[0]), loop.repeatable(snakemake.threads):
    record = Path(snakemake.input.record)
    embed.require_projection(record)
    device = loop.choose_device("cuda" if snakemake.resources.gpu else "cpu")
    backbone = loading.from_record(record).to(device)
    projection = backbone.projection.cpu().numpy()  # before it is rounded
    backbone = loading.converted(backbone, snakemake.params.precision)
    photos = arrays.load(snakemake.input.photos, "r")
    arrays.save(embed.of_photos(backbone, photos, projected=False), snakemake.output.array)
    arrays.save(projection, snakemake.output.projection)
    embed.write_record(backbone, snakemake.output.record)
