"""Rule figure_2: sizes and aspect ratios of the photos."""

from stillact.core import logs
from stillact.core.tables import read_csv
from stillact.data import overview
from stillact.figures import data, style

with logs.job(snakemake.log[0]):
    photos = overview.photos(read_csv(snakemake.input.images), read_csv(snakemake.input.manifest))
    figure = data.sizes(photos, snakemake.params.classes)
    for path in snakemake.output:
        style.save(figure, path)
