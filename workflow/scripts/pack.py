"""Rule pack: every photo decoded once, into one array, and the table that names its rows."""

from pathlib import Path

from stillact import fetch, images, log
from stillact.tables import read_csv, write_csv

with log.job(snakemake.log[0]):
    had = read_csv(snakemake.input.images).query("status == 'ok'")
    cache = Path(snakemake.params[0]["cache"])
    images.pack(
        [fetch.cached(cache, sha256) for sha256 in had["sha256"]],
        int(snakemake.wildcards.size),
        snakemake.wildcards.geometry,
        snakemake.output.array,
        snakemake.threads,
    )
    write_csv(had[["id", "sha256"]].rename(columns={"id": "image_id"}), snakemake.output.index)
