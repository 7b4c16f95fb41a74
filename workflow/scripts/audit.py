"""Rule audit: duplicates, and whether any pair stands on both sides of the split."""

from stillact import explore, log
from stillact.tables import read_csv, write_csv

with log.job(snakemake.log[0]) as logger:
    tables = (snakemake.input.duplicates, snakemake.input.manifest, snakemake.input.holdout)
    audit = explore.audit(*map(read_csv, tables))
    logger.info("%s", explore.audit_summary(audit))
    write_csv(audit, snakemake.output[0])
