"""Rule fetch: bring the photos into the cache and say of each what was had."""

from pathlib import Path

from stillact.config import study as config
from stillact.core import logs
from stillact.core.tables import read_csv, write_csv
from stillact.data import fetch

with logs.job(snakemake.log[0]):
    params = snakemake.params[0]
    images = fetch.fetch_all(
        read_csv(snakemake.input.manifest),
        config.Fetch(**params["fetch"]),
        config.Dataset(**params["dataset"]),
        Path(params["base"]),
    )
    write_csv(images, snakemake.output[0])
