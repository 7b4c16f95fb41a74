"""Rule table_1: counts and sizes of the photos."""

from stillact import explore, log
from stillact.tables import read_csv, write_csv

with log.job(snakemake.log[0]):
    photos = explore.photos(read_csv(snakemake.input.images), read_csv(snakemake.input.manifest))
    write_csv(explore.table_1(photos, snakemake.params[0]["classes"]), snakemake.output[0])
