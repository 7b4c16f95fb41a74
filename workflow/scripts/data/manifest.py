"""Rule manifest: validate the user's manifest and write it in a standard form."""

from stillact.config.data import Splits
from stillact.core import logs
from stillact.core.tables import write_csv
from stillact.data import manifest, splits

with logs.job(snakemake.log[0]):
    params = snakemake.params
    frame = manifest.load(snakemake.input.manifest, **params.options)
    for classes in params.tasks:
        splits.check_counts(frame, classes, Splits(**params.splits))
    write_csv(frame, snakemake.output[0])
