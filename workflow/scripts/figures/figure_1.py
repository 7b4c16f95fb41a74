"""Rule figure_1: example photos of each class."""

from pathlib import Path

from stillact.core import logs
from stillact.core.tables import read_csv
from stillact.data import overview
from stillact.data.fetch.cache import cached
from stillact.figures import data, style

with logs.job(snakemake.log[0]):
    params = snakemake.params
    images = read_csv(snakemake.input.images)
    photos = overview.photos(images, read_csv(snakemake.input.manifest))
    chosen = overview.choose_examples(photos, params.classes, params.per_class, params.seed)
    sha256 = images.set_index("id")["sha256"]
    cache = Path(params.cache)
    paths = {
        label: [cached(cache, sha256[image]) for image in ids] for label, ids in chosen.items()
    }
    style.save(data.examples(paths), snakemake.output[0])
