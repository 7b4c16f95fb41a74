"""Rule sort_photos: copies of the predicted photos in one folder per class."""

from pathlib import Path

from stillact.core import logs
from stillact.core.tables import read_csv
from stillact.inference import sorting

with logs.job(snakemake.log[0]):
    tables = read_csv(snakemake.input.predictions), read_csv(snakemake.input.photos)
    sorting.sort(*tables, Path(snakemake.output[0]).parent)
