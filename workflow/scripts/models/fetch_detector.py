"""Rule fetch_detector: fetch the weights of the detector into the cache, and record them."""

import json
from pathlib import Path

from stillact.config.backbones import Detector
from stillact.core import logs
from stillact.models import detectors, weights

with logs.job(snakemake.log[0]):
    params = snakemake.params
    block = Detector(**params.detector)
    record = weights.fetch(block, params.name, params.cache)
    detectors.load(block, Path(record["folder"]))  # its errors come here, not in later jobs
    Path(snakemake.output[0]).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
