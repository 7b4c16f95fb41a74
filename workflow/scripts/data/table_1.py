"""Rule table_1: counts and sizes of the photos."""

from stillact.core import logs, text_tables
from stillact.core.tables import read_csv, write_csv
from stillact.data import overview
from stillact.paper import reported

with logs.job(snakemake.log[0]):
    params, out = snakemake.params, snakemake.output
    photos = overview.photos(read_csv(snakemake.input.images), read_csv(snakemake.input.manifest))
    table = overview.table_1(photos, params.classes)
    write_csv(table, out.csv)
    readable, note = overview.readable_sizes(table)
    note += f" {reported.SIZES}" if params.of_paper else ""
    for path in (out.md, out.tex):
        text_tables.write(path, readable, caption="Photos by class", note=note)
