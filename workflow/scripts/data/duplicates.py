"""Rule duplicates: exact and near-duplicate photos."""

from pathlib import Path

from stillact.core import logs
from stillact.core.tables import read_csv, write_csv
from stillact.data import duplicates
from stillact.data.fetch.cache import cached

with logs.job(snakemake.log[0]):
    params = snakemake.params[0]
    images = read_csv(snakemake.input.images).query("status == 'ok'")
    paths = [cached(Path(params["cache"]), sha256) for sha256 in images["sha256"]]
    write_csv(duplicates.find(images, paths, params["max_distance"]), snakemake.output[0])
