"""Rule fetch_weights: fetch the weights of one backbone into the cache, and record them.

They are loaded once, so that weights that do not fit are reported here, not in later jobs.
"""

import json
from pathlib import Path

from stillact.config.backbones import Backbone
from stillact.core import logs
from stillact.models import weights
from stillact.models.backbones import loading

with logs.job(snakemake.log[0]):
    params = snakemake.params
    block = Backbone(**params.backbone)
    record = weights.fetch(block, snakemake.wildcards.backbone, params.cache)
    record["facts"] = loading.facts(loading.load(block, Path(record["folder"])))
    if block.geometry is not None:
        record["facts"] |= dict(geometry=block.geometry, crop=1.0)
    Path(snakemake.output[0]).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
