"""Rules {recipe}_*: the runs of one batch of seeds or folds, in one process."""

from pathlib import Path

from stillact.core import logs
from stillact.recipes.setups import plan_of, setup_of
from stillact.training import jobs

with logs.job(snakemake.log[0]):
    plan = plan_of(snakemake.params.plan)
    jobs.train_runs(
        setup_of(plan),
        plan,
        jobs.paths(snakemake.input.items()),
        [Path(meta).parent for meta in snakemake.output.meta],
        unfinished=Path("results/unfinished"),
        device="cuda" if snakemake.resources.gpu else "cpu",
        threads=snakemake.threads,
        code=snakemake.params.code,
        keep_weights=bool(snakemake.output.get("weights")),
    )
