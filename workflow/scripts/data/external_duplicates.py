"""Rule external_duplicates: photos of the second dataset that the study has, also as copies."""

from pathlib import Path

from stillact.core import logs
from stillact.core.tables import read_csv, write_csv
from stillact.data import duplicates
from stillact.data.fetch.cache import cached

with logs.job(snakemake.log[0]):
    params = snakemake.params[0]
    datasets = []
    for file in (snakemake.input.study, snakemake.input.external):
        images = read_csv(file).query("status == 'ok'")
        datasets.append((images, [cached(Path(params["cache"]), sha) for sha in images["sha256"]]))
    write_csv(duplicates.between(*datasets, params["max_distance"]), snakemake.output[0])
