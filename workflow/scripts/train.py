"""Rules train_*: the runs of one batch of seeds, in one process."""

import re
from pathlib import Path

from stillact import config, log, recipes
from stillact.runs import Run

with log.job(snakemake.log[0]):
    folders = [Path(path).parent for path in snakemake.output.meta]
    names = snakemake.wildcards
    recipes.train_runs(
        [
            Run(names.task, names.model, names.split, int(re.fullmatch(r"seed_(\d+)", f.name)[1]))
            for f in folders
        ],
        config.Plan.model_validate(snakemake.params[0]),
        recipes.Inputs(
            pack=Path(snakemake.input.array),
            index=Path(snakemake.input.index),
            split=Path(snakemake.input.split),
            code=[Path(path) for path in snakemake.input.code],
        ),
        folders,
        unfinished=Path("results/unfinished"),
        device="cuda" if snakemake.resources.gpu else "cpu",
        threads=snakemake.threads,
    )
