"""Rule people, with a detector: boxes of the manifest, and detected ones."""

from pathlib import Path

from stillact.config.data import Fetch, People
from stillact.core import logs
from stillact.core.tables import read_csv, write_csv
from stillact.data import people, preprocess
from stillact.models import detectors
from stillact.training import loop

with logs.job(snakemake.log[0]), loop.repeatable(snakemake.threads):
    params, source = snakemake.params, snakemake.input
    settings = People(**params.people)
    device = loop.choose_device("cuda" if snakemake.resources.gpu else "cpu")
    detector = detectors.from_record(Path(source.record)).to(device)
    manifest = read_csv(source.manifest)
    photos, files = preprocess.available(source.images, params.cache)
    detected = detectors.of_study(
        detector, manifest, photos, files, settings, Fetch(**params.fetch), snakemake.threads
    )
    write_csv(people.table(manifest, detected), snakemake.output[0])
