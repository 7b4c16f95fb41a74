"""CPU seconds per rule of a finished study, and the share of trainings that is training.

Read from Snakemake's benchmark files and the runs' meta.json in FOLDER/results; nothing is run.
`in_runs` is the share of a training job's wall-clock time that its runs take, from creating a
network to writing its files; the rest is process start-up, imports, backbones and reading the
photos.
"""

import argparse
from pathlib import Path

import pandas as pd
from side_by_side import RESULTS

from stillact.planning import past
from stillact.training.run_record import RunRecord

SMALL = 0.01  # of all CPU seconds: rules below are told together


def jobs(results: Path) -> pd.DataFrame:
    """A row a job, or for trainings the jobs of a model: rule, jobs, cpu_s, seconds, runs_s."""
    rows = []
    for model in sorted(results.glob("benchmarks/train/*/*")):
        name = model.relative_to(results / "benchmarks/train")
        metas = sorted((results / "runs" / name).rglob("meta.json"))
        runs = [RunRecord.read(meta) for meta in metas]
        row = {"rule": runs[0].config["recipe"], "runs_s": sum(run.seconds for run in runs)}
        rows += [row | taken(sorted(model.rglob("*.tsv")))]
    for file in sorted(results.glob("benchmarks/**/*.tsv")):
        rule = file.relative_to(results / "benchmarks").with_suffix("").parts[0]
        rows += [{"rule": rule} | taken([file])] if rule != "train" else []
    return pd.DataFrame(rows)


def taken(files: list[Path]) -> dict[str, float]:
    found = [job for job in map(past.taken, files) if job]
    seconds = sum(job.seconds for job in found)
    return {"jobs": len(files), "cpu_s": sum(job.cpu_s for job in found), "seconds": seconds}


def by_rule(results: Path) -> pd.DataFrame:
    """A row a rule: jobs, cpu_s, seconds, share of all CPU seconds, in_runs."""
    table = jobs(results)
    of_rule = table["cpu_s"].groupby(table["rule"]).transform("sum")
    few = of_rule < SMALL * table["cpu_s"].sum()
    table["rule"] = table["rule"].mask(few, "all others")
    table = table.groupby("rule").sum().sort_values("cpu_s", ascending=False)
    table["share"] = table["cpu_s"] / table["cpu_s"].sum()
    table["in_runs"] = (table["runs_s"] / table["seconds"]).where(table["runs_s"] > 0)
    return table.drop(columns="runs_s").round({"cpu_s": 1, "seconds": 1, "share": 3, "in_runs": 2})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="of a finished study")
    table = by_rule(parser.parse_args().folder / "results")
    RESULTS.mkdir(parents=True, exist_ok=True)
    table.to_csv(RESULTS / "study.csv")
    print(table.to_string(na_rep=""))
    print(f"{table['jobs'].sum()} jobs, {table['cpu_s'].sum():.0f} CPU s")


if __name__ == "__main__":
    main()
