"""Rule figure_2: sizes and aspect ratios of the photos."""

from stillact import explore, figures, log
from stillact.tables import read_csv

with log.job(snakemake.log[0]):
    photos = explore.photos(read_csv(snakemake.input.images), read_csv(snakemake.input.manifest))
    figure = figures.sizes(photos, snakemake.params[0]["classes"])
    for path in snakemake.output:
        figures.save(figure, path)
