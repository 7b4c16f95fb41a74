"""Rule pack_backbone: every photo decoded once, in the way of a backbone's authors."""

import json
from pathlib import Path

from stillact.core import logs
from stillact.data import preprocess

with logs.job(snakemake.log[0]):
    facts = json.loads(Path(snakemake.input.record).read_text(encoding="utf-8"))["facts"]
    preprocess.pack_fetched(
        snakemake.input.images,
        snakemake.params[0]["cache"],
        snakemake.output.array,
        snakemake.output.index,
        snakemake.threads,
        **{name: facts[name] for name in ("size", "geometry", "interpolation", "crop")},
    )
