"""Rule keypoints: the joints of the people in each photo."""

from pathlib import Path

from stillact.config.data import Fetch
from stillact.core import logs
from stillact.core.tables import write_csv
from stillact.data import preprocess
from stillact.data.people import boxes_of
from stillact.models import keypoints
from stillact.models.backbones import loading
from stillact.training import loop

with logs.job(snakemake.log[0]), loop.repeatable(snakemake.threads):
    params, source = snakemake.params, snakemake.input
    device = loop.choose_device("cuda" if snakemake.resources.gpu else "cpu")
    backbone = loading.from_record(Path(source.record)).to(device)
    photos, files = preprocess.available(source.images, params.cache)
    table = keypoints.table(
        backbone,
        photos,
        files,
        boxes_of(source.people),
        Fetch(**params.fetch),
        snakemake.threads,
    )
    write_csv(table, snakemake.output[0])
