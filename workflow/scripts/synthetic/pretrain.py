"""Rule pretrain: train one of the tiny towers on captioned scenes, and save it."""

from pathlib import Path

from stillact.config.synthetic import Pretrain
from stillact.core import logs
from stillact.core.tables import write_csv
from stillact.synthetic import pretrain

with logs.job(snakemake.log[0]):
    folder = Path(snakemake.output[0])
    history = pretrain.train(
        snakemake.wildcards.tower,
        Pretrain(**snakemake.params.settings),
        pretrain.load_scenes(snakemake.input.arrays, snakemake.input.tables),
        folder,
        start=Path(snakemake.input.start) if snakemake.input.start else None,
        threads=snakemake.threads,
    )
    write_csv(history, folder / "history.csv")
