"""Rule audit: duplicates, their labels, and whether any pair crosses the split."""

from stillact.core import logs
from stillact.core.tables import read_csv, write_csv
from stillact.data import overview

with logs.job(snakemake.log[0]) as logger:
    tables = (snakemake.input.duplicates, snakemake.input.manifest, snakemake.input.holdout)
    audit = overview.audit(*map(read_csv, tables))
    logger.info("%s", overview.audit_summary(audit))
    write_csv(audit, snakemake.output[0])
