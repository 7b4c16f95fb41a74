"""Rule find_photos: the photos that predict is asked about; those of URLs come into the cache."""

from pathlib import Path

from stillact import config, log, predict
from stillact.tables import write_csv

with log.job(snakemake.log[0]):
    params = snakemake.params[0]
    source = Path(params["photos"])
    if source.is_dir():
        photos = predict.in_folder(source)
    else:
        settings, dataset = config.Fetch(**params["fetch"]), config.Dataset(**params["dataset"])
        photos = predict.of_urls(source, settings, dataset)
    log.logger.info("%d photos of %s", len(photos), source)
    write_csv(photos, snakemake.output[0])
