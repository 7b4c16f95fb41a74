"""Cost estimate of a study before it runs: jobs, runs, hours, memory and disk per rule."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pandas as pd

from stillact.planning.past import JobGroup, Past
from stillact.planning.progress import duration
from stillact.planning.work import weights_gb
from stillact.study.config import Config

SHIPPED, PAST = "shipped figures", "past runs"


def table(
    of: Iterable[JobGroup], costs: pd.DataFrame, past: Past, gpu_rules: Iterable[str]
) -> pd.DataFrame:
    """One row per rule and one for the total.

    Args:
        of: the study's job groups.
        costs: data/run_costs.csv.
        past: earlier runs, which take precedence over those values.
        gpu_rules: rules with jobs that use a GPU.

    Returns:
        rule, jobs, runs, cpu_hours, gpu_hours, memory_mb (of its largest job), disk_mb, and
        `estimated_from`: "past runs", "shipped figures", or both.
    """
    each = pd.DataFrame(row for _, row in _estimates(of, costs, past, gpu_rules))
    sums = dict.fromkeys(("jobs", "runs", "cpu_hours", "gpu_hours", "disk_mb"), "sum")
    how = {**sums, "memory_mb": "max", "estimated_from": lambda s: " and ".join(sorted(set(s)))}
    by_rule = each.groupby("rule", sort=False).agg(how).reset_index()
    whole = by_rule.agg(how | {"estimated_from": lambda s: ""})
    by_rule.loc[len(by_rule)] = {"rule": "all", **whole.to_dict()}
    order = ["rule", "jobs", "runs", "cpu_hours", "gpu_hours", "memory_mb", "disk_mb"]
    return by_rule[[*order, "estimated_from"]].round(
        {"cpu_hours": 3, "gpu_hours": 3, "memory_mb": 0, "disk_mb": 1}
    )


def per_job(
    of: Iterable[JobGroup], costs: pd.DataFrame, past: Past, gpu_rules: Iterable[str]
) -> dict[str, dict]:
    """The estimate of one job of each group, by its benchmark: the columns of `table`."""
    sums = ("cpu_hours", "gpu_hours", "disk_mb")
    return {
        part.benchmark: row | {name: row[name] / part.jobs for name in sums}
        for part, row in _estimates(of, costs, past, gpu_rules)
        if part.jobs
    }


def of_benchmark(benchmark: str | None, each: Mapping[str, dict]) -> dict | None:
    """The row of `per_job` for the job with this benchmark file; None if the plan has none."""
    place = Path((benchmark or "").removeprefix("results/benchmarks/").removesuffix(".tsv"))
    names = [place.as_posix(), *(folder.as_posix() for folder in place.parents)]
    return next((each[name] for name in names if name in each), None)


def sentence(table: pd.DataFrame, cores: int) -> str:
    """The total of a `table` in one sentence.

    Args:
        table: from `table`.
        cores: cores that work at the same time.
    """
    total = table.set_index("rule").loc["all"]
    hours = max(total.cpu_hours / cores, total.gpu_hours)
    on = f"{cores} core{'s' * (cores > 1)}" + (" and one GPU" if total.gpu_hours else "")
    return (
        f"A new study takes about {duration(3600 * hours)} on {on}, "
        f"{total.memory_mb / 1e3:.1f} GB of memory for its largest job, "
        f"and {total.disk_mb / 1e3:.1f} GB of disk."
    )


def about_weights(cfg: Config) -> str:
    """What share of the disk weights of runs take, and how to do with less; "" if that is small."""
    gb = weights_gb(cfg)
    if cfg.keep_weights == "none":
        return (
            "Weights of runs are deleted after their last use; until then they take at most "
            f"{gb:.1f} GB."
        )
    if gb < 1:
        return ""
    return (
        f"Of the disk, weights of runs take {gb:.1f} GB. With keep_weights: none, they are deleted "
        "after their last use."
    )


def _estimates(
    of: Iterable[JobGroup], costs: pd.DataFrame, past: Past, gpu_rules: Iterable[str]
) -> Iterator[tuple[JobGroup, dict]]:
    of_rule = costs.set_index("rule")
    for part in of:
        cost = of_rule.loc[part.rule if part.rule in of_rule.index else "other"]
        yield part, _estimate(part, cost, past, part.rule in gpu_rules)


def _estimate(part: JobGroup, cost: pd.Series, past: Past, gpu: bool) -> dict:
    """The row of a job group. Times of past jobs are scaled after subtraction of start-up times."""
    before = past.taken(part)
    scale = _scale(part, past) if before else 0
    if scale:
        starts = cost.start_s * len(before)
        cpu_s = max(sum(one.cpu_s for one in before) - starts, 0) * scale
        gpu_s = max(sum(one.seconds for one in before) - starts, 0) * scale
        more = part.photos * (1 - 1 / past.grown)
        memory_mb = max(one.memory_mb for one in before) + max(more, 0) * cost.memory_kb / 1e3
    else:
        gpu_s = part.work * (0 if pd.isna(cost.gpu_s) else cost.gpu_s)
        # a GPU job uses one core
        cpu_s = gpu_s if gpu and gpu_s else part.work * cost.cpu_s
        memory_mb = cost.memory_mb + part.photos * cost.memory_kb / 1e3
    start_s = part.jobs * cost.start_s
    kept = part.runs or part.photos
    return dict(
        rule=part.rule,
        jobs=part.jobs,
        runs=part.runs,
        cpu_hours=(cpu_s + start_s) / 3600,
        gpu_hours=(gpu_s + start_s) / 3600 if gpu else 0.0,
        memory_mb=memory_mb,
        disk_mb=part.disk_mb + kept * cost.disk_kb / 1e3,
        estimated_from=PAST if scale else SHIPPED,
    )


def _scale(part: JobGroup, past: Past) -> float:
    """The work of a job group relative to its past jobs; 0 if unknown."""
    if not part.benchmark.startswith("train/"):
        return past.grown if part.photos else float(past.grown > 0)
    trained, epochs = past.trained(part)
    more = part.runs / trained if trained else 0
    return past.grown * more * (part.epochs / epochs if epochs else 1)
