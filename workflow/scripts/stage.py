"""Rule stage: render the embedded dataset."""

from pathlib import Path

from stillact import log, stage
from stillact.tables import write_csv

with log.job(snakemake.log[0]):
    settings = snakemake.params[0]
    manifest = Path(snakemake.output.manifest)
    frame = stage.write_dataset(manifest.parent, settings["images_per_class"], settings["seed"])
    write_csv(frame, manifest)
