"""What earlier runs of a study took, as a basis of its cost estimate."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from stillact.core.tables import read_csv
from stillact.training import run_record
from stillact.training.run_record import RunRecord


@dataclass(frozen=True)
class Taken:
    """Resources used by a job: wall-clock seconds, CPU seconds, peak memory in MB."""

    seconds: float
    cpu_s: float
    memory_mb: float


def taken(benchmark: Path) -> Taken | None:
    """Read a Snakemake benchmark file; None where the job was too short to be sampled.

    Snakemake samples a job every half second for 15 seconds, and then every 30 seconds; CPU time
    after the last sample is extrapolated.
    """
    row = pd.read_csv(benchmark, sep="\t").iloc[0]
    if pd.isna(row.cpu_time) or row.s <= 0:
        return None
    seen = row.s if row.s < 15 else 15 + (row.s - 15) // 30 * 30
    return Taken(row.s, row.cpu_time * row.s / seen, row.max_rss)


@dataclass(frozen=True)
class JobGroup:
    """Jobs of one rule that are estimated together.

    benchmark: their file under results/benchmarks, without suffix, or its folder.
    work: in the unit of the rule in data/run_costs.csv.
    photos: number of photos that a job loads or processes.
    disk_mb: of large files whose size is known in advance.
    """

    rule: str
    benchmark: str
    jobs: int = 1
    runs: int = 0
    work: float = 0
    photos: float = 0
    epochs: float = 0
    disk_mb: float = 0


@dataclass(frozen=True)
class Past:
    """Results of earlier runs, as a basis of the estimate.

    grown: number of photos now over the number then; 0 if unknown.
    """

    results: Path
    grown: float

    @classmethod
    def of(cls, results: Path, photos: int) -> "Past":
        images = results / "data/images.csv"
        return cls(results, photos / len(read_csv(images)) if images.exists() else 0)

    def taken(self, part: JobGroup) -> list[Taken]:
        place = self.results / "benchmarks" / part.benchmark
        files = [place.with_name(f"{place.name}.tsv")]
        files = files if files[0].exists() else sorted(place.rglob("*.tsv"))
        return [found for file in files if (found := taken(file))]

    def trained(self, part: JobGroup) -> tuple[int, float]:
        """Number of runs behind a training's benchmarks, and their mean maximum of epochs."""
        folder = self.results / "runs" / part.benchmark.removeprefix("train/")
        records = [RunRecord.read(path) for path in sorted(folder.rglob(run_record.FILE))]
        most = [one.config.get("training", {}).get("max_epochs", 0) for one in records]
        return len(records), sum(most) / max(len(records), 1)
