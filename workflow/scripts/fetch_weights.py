"""Rule fetch_weights: the weights of one backbone brought into the cache, and their record."""

import json
from pathlib import Path

from stillact import config, log, weights

with log.job(snakemake.log[0]):
    params = snakemake.params[0]
    record = weights.fetch(
        config.Backbone(**params["backbone"]), snakemake.wildcards.backbone, params["cache"]
    )
    Path(snakemake.output[0]).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
