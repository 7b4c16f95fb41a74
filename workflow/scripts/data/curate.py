"""Rule curate: manifests from COCO's caption and instance files."""

from pathlib import Path

from stillact.config.data import Curate
from stillact.core import logs
from stillact.core.tables import write_csv
from stillact.data import curate

with logs.job(snakemake.log[0]):
    params = snakemake.params
    settings = Curate(**params.curate)
    captions, instances = curate.annotations(settings, Path(params.cache))
    chosen, others = curate.curate(captions, instances, settings, params.local_dirs)
    write_csv(others, snakemake.output.others)
    write_csv(chosen, snakemake.output.manifest)
