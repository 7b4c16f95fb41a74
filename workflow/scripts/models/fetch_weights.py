"""Rule fetch_weights: the weights of one backbone brought into the cache, and their record.

They are loaded once, so that weights which do not fit are told now, not by the jobs that use them.
"""

import json
from pathlib import Path

from stillact.config import study as config
from stillact.core import logs
from stillact.models import backbones, weights

with logs.job(snakemake.log[0]):
    params = snakemake.params[0]
    block = config.Backbone(**params["backbone"])
    record = weights.fetch(block, snakemake.wildcards.backbone, params["cache"])
    record["facts"] = backbones.facts(backbones.load(block, Path(record["folder"])))
    if block.geometry is not None:
        record["facts"] |= dict(geometry=block.geometry, crop=1.0)
    Path(snakemake.output[0]).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
