"""Rule pack_view: every photo decoded once more, as another view of it for a backbone."""

import json
from pathlib import Path

from stillact.core import logs
from stillact.data import preprocess

with logs.job(snakemake.log[0]):
    facts = json.loads(Path(snakemake.input.record).read_text(encoding="utf-8"))["facts"]
    preprocess.pack_view(
        snakemake.wildcards.view,
        snakemake.input.images,
        snakemake.input.manifest,
        snakemake.params[0]["cache"],
        snakemake.output[0],
        snakemake.threads,
        **{name: facts[name] for name in ("size", "geometry", "interpolation", "crop")},
    )
