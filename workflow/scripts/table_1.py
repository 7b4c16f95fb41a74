"""Rule table_1: counts and sizes of the photos."""

from stillact import explore, log, paper, typeset
from stillact.tables import read_csv, write_csv

with log.job(snakemake.log[0]):
    photos = explore.photos(read_csv(snakemake.input.images), read_csv(snakemake.input.manifest))
    table, out = explore.table_1(photos, snakemake.params[0]["classes"]), snakemake.output
    write_csv(table, out.csv)
    readable, note = paper.readable_sizes(table)
    for path in (out.md, out.tex):
        typeset.write(path, readable, caption=paper.TITLES["table_1"], note=note)
