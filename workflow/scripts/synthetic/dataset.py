"""Rule synthetic_dataset: render the synthetic dataset."""

from pathlib import Path

from stillact.core import logs
from stillact.core.tables import write_csv
from stillact.synthetic import rendering

with logs.job(snakemake.log[0]):
    settings = snakemake.params[0]
    manifest = Path(snakemake.output.manifest)
    frame = rendering.write_dataset(manifest.parent, settings["images_per_class"], settings["seed"])
    write_csv(frame, manifest)
