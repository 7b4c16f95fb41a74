"""Rule correct: apply saved corrections to the labelled photos."""

from pathlib import Path

from stillact.core import logs
from stillact.core.tables import write_csv
from stillact.data import corrections

with logs.job(snakemake.log[0]):
    params = snakemake.params
    given = corrections.read(Path(snakemake.input.corrections), params.classes)
    done, where = corrections.apply(
        given,
        Path(params.photos),
        params.classes,
        params.writable,
        Path("corrected.csv"),
    )
    write_csv(done, snakemake.output[0])
    logs.logger.info("%s; run the study again", where)
