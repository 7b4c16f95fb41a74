"""Rule find_photos: the photos that predict is asked about; those of URLs come into the cache."""

from pathlib import Path

from stillact import config, log, predict
from stillact.tables import write_csv

with log.job(snakemake.log[0]):
    params = snakemake.params[0]
    photos = predict.gather(
        Path(params["photos"]),
        config.Fetch(**params["fetch"]),
        config.Dataset(**params["dataset"]),
    )
    log.logger.info("%d photos of %s", len(photos), params["photos"])
    write_csv(photos, snakemake.output[0])
