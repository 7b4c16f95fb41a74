"""Rule split: the holdout split and the folds of one task."""

from stillact.config.data import Splits
from stillact.core import logs
from stillact.core.tables import read_csv, sha256_of, write_csv
from stillact.data import splits

with logs.job(snakemake.log[0]):
    params = snakemake.params
    images = read_csv(snakemake.input.images)
    available = images.loc[images["status"] == "ok", "id"]
    manifest = read_csv(snakemake.input.manifest)
    manifest = manifest[manifest["id"].isin(available)]
    duplicates = read_csv(snakemake.input.duplicates)
    holdout, kfold = splits.tables(
        manifest,
        params.classes,
        splits.groups(manifest["id"].tolist(), duplicates, manifest["group"].tolist()),
        Splits(**params.splits),
        sha256_of(snakemake.input.manifest),
    )
    write_csv(holdout, snakemake.output.holdout)
    write_csv(kfold, snakemake.output.kfold)
