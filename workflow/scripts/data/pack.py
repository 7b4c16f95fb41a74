"""Rule pack: decode every photo once into one array, and write the index of its rows."""

from stillact.core import logs
from stillact.data import preprocess
from stillact.data.preprocessing import Preprocessing

with logs.job(snakemake.log[0]):
    preprocess.pack_fetched(
        snakemake.input.images,
        snakemake.params.cache,
        snakemake.output.array,
        Preprocessing(int(snakemake.wildcards.size), snakemake.wildcards.geometry),
        snakemake.threads,
        snakemake.output.index,
    )
