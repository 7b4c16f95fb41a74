"""Rule manifest: check the user's manifest and bring it into one form."""

from stillact import log, manifest
from stillact.tables import write_csv

with log.job(snakemake.log[0]):
    frame = manifest.load(snakemake.input.manifest, **snakemake.params[0])
    write_csv(frame, snakemake.output[0])
