"""Rule paper_tests: the analyses of variance and the t-test reported in the paper."""

from dataclasses import asdict

import pandas as pd

from stillact.core import logs
from stillact.core.tables import read_csv, write_csv
from stillact.evaluation import hypothesis_tests

with logs.job(snakemake.log[0]):
    params, runs = snakemake.params, read_csv(snakemake.input.runs)
    made = {
        name: hypothesis_tests.anova(runs, models, task=params.task)
        for name, models in params.anova.items()
    }
    tables = [m.table.assign(models=" ".join(m.models), note=m.note) for m in made.values()]
    write_csv(pd.concat(tables, keys=made, names=["anova"]).reset_index(0), snakemake.output.anova)
    checks = pd.concat([m.checks for m in made.values()], keys=made, names=["anova"])
    write_csv(checks.reset_index(0), snakemake.output.checks)
    test = hypothesis_tests.paired_t_test(runs, *params.t_test, task=params.task)
    write_csv(pd.DataFrame([asdict(test)]), snakemake.output.t_test)
