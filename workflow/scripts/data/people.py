"""Rule people, without a detector: the person boxes of the manifest."""

from stillact.core import logs
from stillact.core.tables import read_csv, write_csv
from stillact.data import people

with logs.job(snakemake.log[0]):
    write_csv(people.table(read_csv(snakemake.input.manifest)), snakemake.output[0])
