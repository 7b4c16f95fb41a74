"""Rule find_photos: list the input photos of predict; photos of URLs are fetched into the cache."""

from pathlib import Path

from stillact.config.data import Dataset, Fetch
from stillact.core import logs
from stillact.core.tables import write_csv
from stillact.inference import predict

with logs.job(snakemake.log[0]):
    asked = snakemake.params.asked
    source = Path(asked["photos"])
    if source.is_dir():
        photos = predict.in_folder(source)
    else:
        settings, dataset = Fetch(**asked["fetch"]), Dataset(**asked["dataset"])
        photos = predict.of_urls(source, settings, dataset)
    logs.logger.info("%d photos of %s", len(photos), source)
    write_csv(photos, snakemake.output[0])
