"""Rule table_1: counts and sizes of the photos."""

from stillact.core import logs, text_tables
from stillact.core.tables import read_csv, write_csv
from stillact.data import overview
from stillact.paper import comparison

with logs.job(snakemake.log[0]):
    photos = overview.photos(read_csv(snakemake.input.images), read_csv(snakemake.input.manifest))
    table, out = overview.table_1(photos, snakemake.params[0]["classes"]), snakemake.output
    write_csv(table, out.csv)
    readable, note = comparison.readable_sizes(table)
    for path in (out.md, out.tex):
        text_tables.write(path, readable, caption=comparison.TITLES["table_1"], note=note)
