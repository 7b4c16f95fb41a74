"""Rule curate: COCO's caption and instance files to a manifest."""

from pathlib import Path

from stillact import config, curate, log
from stillact.tables import write_csv

with log.job(snakemake.log[0]):
    params = snakemake.params[0]
    settings = config.Curate(**params["curate"])
    captions, instances = curate.annotations(settings, Path(params["cache"]))
    frame = curate.curate(captions, instances, settings, params["local_dirs"])
    write_csv(frame, snakemake.output[0])
