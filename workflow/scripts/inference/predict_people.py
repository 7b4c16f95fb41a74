"""Rule predict_people: the people in the input photos."""

from pathlib import Path

from stillact.config.data import Fetch, People
from stillact.core import logs
from stillact.core.tables import read_csv, write_csv
from stillact.data import people
from stillact.models import detectors
from stillact.training import loop

with logs.job(snakemake.log[0]), loop.repeatable(snakemake.threads):
    params = snakemake.params
    device = loop.choose_device("cuda" if snakemake.resources.gpu else "cpu")
    detector = detectors.from_record(Path(snakemake.input.record)).to(device)
    photos = read_csv(snakemake.input.photos)
    found = detectors.detect(
        detector,
        list(zip(photos["file"], photos["reason"], strict=True)),
        People(**params.people),
        Fetch(**params.fetch),
        snakemake.threads,
    )
    table = people.of_files(photos.iloc[:, 0], (boxes or [] for boxes, _ in found))
    write_csv(table, snakemake.output[0])
