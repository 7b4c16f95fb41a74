"""Rule external_duplicates: photos of the second dataset that the study has, also as copies."""

from stillact.core import logs
from stillact.core.tables import write_csv
from stillact.data import duplicates
from stillact.data.preprocess import available

with logs.job(snakemake.log[0]):
    params = snakemake.params
    files = snakemake.input.study, snakemake.input.external
    datasets = [available(file, params.cache) for file in files]
    write_csv(duplicates.between(*datasets, params.max_distance), snakemake.output[0])
