"""Rule pack_backbone: decode every photo once, with the preprocessing of a backbone's authors."""

from pathlib import Path

from stillact.core import logs
from stillact.data import preprocess
from stillact.models.records import BackboneRecord

with logs.job(snakemake.log[0]):
    record = BackboneRecord.read(Path(snakemake.input.record))
    preprocess.pack_fetched(
        snakemake.input.images,
        snakemake.params.cache,
        snakemake.output.array,
        record.facts.preprocessing,
        snakemake.threads,
        snakemake.output.index,
    )
