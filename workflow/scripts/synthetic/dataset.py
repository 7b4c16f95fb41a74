"""Rule synthetic_dataset: render the synthetic dataset."""

from pathlib import Path

from stillact.core import logs
from stillact.core.tables import write_csv
from stillact.synthetic import rendering

with logs.job(snakemake.log[0]):
    params = snakemake.params
    manifest = Path(snakemake.output.manifest)
    frame = rendering.write_dataset(manifest.parent, params.images_per_class, params.seed)
    write_csv(frame, manifest)
