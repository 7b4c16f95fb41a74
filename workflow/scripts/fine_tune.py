"""Rules fine_tune_*: the runs of one batch of seeds, in one process."""

from pathlib import Path

from stillact import config, log
from stillact.recipes import fine_tune, jobs

with log.job(snakemake.log[0]):
    jobs.train_runs(
        fine_tune.setup,
        config.FineTunePlan(**snakemake.params[0]),
        jobs.paths(snakemake.input.items()),
        [Path(meta).parent for meta in snakemake.output.meta],
        unfinished=Path("results/unfinished"),
        device="cuda" if snakemake.resources.gpu else "cpu",
        threads=snakemake.threads,
    )
