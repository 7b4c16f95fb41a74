"""Rule duplicates: exact and near-duplicate photos."""

from stillact.core import logs
from stillact.core.tables import write_csv
from stillact.data import duplicates
from stillact.data.preprocess import available

with logs.job(snakemake.log[0]):
    params = snakemake.params
    images, paths = available(snakemake.input.images, params.cache)
    write_csv(duplicates.find(images, paths, params.max_distance), snakemake.output[0])
