"""Rule pretrain_scenes: render a shard of the captioned scenes."""

from pathlib import Path

from stillact.core import logs
from stillact.synthetic import captioned

with logs.job(snakemake.log[0]):
    settings = snakemake.params.settings
    captioned.render_shard(
        settings["scenes"],
        settings["seed"],
        settings["size"],
        (int(snakemake.wildcards.shard), settings["shards"]),
        Path(snakemake.output.arrays),
        Path(snakemake.output.table),
    )
