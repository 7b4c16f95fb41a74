"""Rule fetch: fetch the photos into the cache, and write the table of their metadata."""

from pathlib import Path

from stillact.config.data import Dataset, Fetch
from stillact.core import logs
from stillact.core.tables import read_csv, write_csv
from stillact.data import box_check
from stillact.data.fetch.fetcher import fetch_all

with logs.job(snakemake.log[0]):
    params = snakemake.params
    manifest = read_csv(snakemake.input.manifest)
    images = fetch_all(
        manifest,
        Fetch(**params.fetch),
        Dataset(**params.dataset),
        Path(params.base),
    )
    box_check.check(manifest, images)
    write_csv(images, snakemake.output[0])
