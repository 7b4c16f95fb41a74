"""Rule manifest: validate the user's manifest and write it in a standard form."""

from stillact.core import logs
from stillact.core.tables import write_csv
from stillact.data import manifest

with logs.job(snakemake.log[0]):
    frame = manifest.load(snakemake.input.manifest, **snakemake.params[0])
    write_csv(frame, snakemake.output[0])
