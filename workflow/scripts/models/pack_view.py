"""Rule pack_view: decode every photo again, as another view of it for a backbone."""

from pathlib import Path

from stillact.core import logs
from stillact.data import preprocess
from stillact.models.records import BackboneRecord

with logs.job(snakemake.log[0]):
    record = BackboneRecord.read(Path(snakemake.input.record))
    preprocess.pack_fetched(
        snakemake.input.images,
        snakemake.params.cache,
        snakemake.output[0],
        record.facts.preprocessing.view(snakemake.wildcards.view),
        snakemake.threads,
        people=snakemake.input.people or None,
    )
