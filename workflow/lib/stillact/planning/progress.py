"""What a run prints: what will run and why, a line per finished job, and the time that is left."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

# An estimate counts as this many seconds of measurements: a few short jobs, which mostly import
# packages, say little about trainings.
PRIOR_S = 30.0
FIRST_WORD_S = 60.0  # a job that runs for longer is mentioned before it ends


@dataclass(frozen=True)
class Job:
    """A job of a run.

    name: of its rule, as in results/plan.csv.
    stage: the rules file that it is from.
    reasons: why it runs.
    seconds: estimated, on its threads; None without an estimate.
    """

    name: str
    stage: str = ""
    reasons: tuple[str, ...] = ()
    seconds: float | None = None
    threads: int = 1
    gpu: bool = False
    disk_mb: float = 0
    benchmark: str | None = None

    def measured(self) -> float | None:
        """The seconds that it took, by its benchmark, which has no time in a queue; or None."""
        try:
            rows = Path(self.benchmark or "").read_text(encoding="utf-8").splitlines()
            return float(rows[-1].split("\t")[0])
        except (OSError, ValueError, IndexError):
            return None


def duration(seconds: float) -> str:
    """Two digits or three of a time: seconds, minutes or hours."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3 * 3600 else f"{seconds / 3600:.0f} h"


def workload(jobs: Iterable[Job], cores: int | None) -> str:
    """The number of jobs, and their estimated time and disk space, in a sentence.

    Args:
        cores: that work at the same time; None on a cluster, where they are not known.
    """
    jobs = list(jobs)
    known = [job for job in jobs if job.seconds is not None]
    count = f"{len(jobs)} job{'s' * (len(jobs) != 1)}"
    if not known:
        return f"{count}, without an estimate of the time"
    if cores is None:
        time = f"{duration(sum(_core_s(job, job.seconds) for job in known))} of CPU time"
    else:
        on = f"{cores} core{'s' * (cores > 1)}" + " and one GPU" * any(job.gpu for job in known)
        time = f"{duration(_time([(job, job.seconds) for job in known], cores))} on {on}"
    gb = sum(job.disk_mb for job in jobs) / 1e3
    text = f"{count}: about {time}, {gb:.1f} GB of disk"
    missing = len(jobs) - len(known)
    return text + (f"; {missing} of them without an estimate" if missing else "")


def _core_s(job: Job, seconds: float | None) -> float:
    return (seconds or 0) * job.threads


def _time(jobs: Iterable[tuple[Job, float]], cores: int) -> float:
    """Seconds until all jobs have ended: limited by the cores, by the GPU or by the longest job."""
    jobs = list(jobs)
    on_gpu = sum(seconds for job, seconds in jobs if job.gpu)
    longest = max((seconds for _, seconds in jobs), default=0)
    return max(sum(_core_s(*each) for each in jobs) / cores, on_gpu, longest)


def overview(jobs: Iterable[Job]) -> list[str]:
    """What will run and why: a line per stage and reason, with the number of jobs of each rule."""
    rules: dict[tuple[str, tuple[str, ...]], Counter] = defaultdict(Counter)
    for job in jobs:
        rules[job.stage, job.reasons][job.name] += 1
    wide = max((len(stage) for stage, _ in rules), default=0)
    lines = []
    for (stage, reasons), counts in rules.items():
        named = ", ".join(f"{rule} {n}" if n > 1 else rule for rule, n in counts.items())
        why = " and ".join(reasons)
        lines.append(f"{stage:<{wide}} {counts.total():>4}  {why}: {named}")
    return lines


@dataclass
class Progress:
    """The state of a run.

    Args:
        jobs: by Snakemake's number of each.
        cores: as in `workload`.
    """

    jobs: Mapping[int, Job]
    cores: int | None
    finished: set[int] = field(default_factory=set)
    # of running jobs: what they do, when they started, and when they are mentioned next
    _running: dict[int, tuple[str, float, float]] = field(default_factory=dict)
    # of each rule: seconds measured, seconds estimated of the same jobs, and their number
    _took: dict[str, list[float]] = field(default_factory=lambda: defaultdict(lambda: [0, 0, 0]))

    def start(self, number: int, message: str, now: float) -> None:
        if number in self.jobs:
            self._running[number] = (message, now, now + FIRST_WORD_S)

    def finish(self, number: int, now: float) -> str:
        """The line of a finished job; "" for a target, which is none of the jobs."""
        if number not in self.jobs or number in self.finished:
            return ""
        job = self.jobs[number]
        message, started, _ = self._running.pop(number, (job.name, now, now))
        measured = job.measured()
        seconds = now - started if measured is None else measured
        self.finished.add(number)
        sums = self._took[job.name]
        for index, more in enumerate((seconds, job.seconds or 0, 1)):
            sums[index] += more
        left = self.left(now)
        return f"{self._count()} {message} ({duration(seconds)})" + (f", {left}" if left else "")

    def fail(self, number: int) -> None:
        """A failed job runs no longer; it may be started again."""
        self._running.pop(number, None)

    def waiting(self, now: float) -> str:
        """The jobs that have run for a minute, or twice as long as when last mentioned; "" without
        any."""
        due = {n: told for n, told in self._running.items() if now >= told[2]}
        if not due:
            return ""
        for number, (message, started, _) in due.items():
            self._running[number] = (message, started, now + (now - started))
        said = [f"{message} ({duration(now - started)})" for message, started, _ in due.values()]
        more = f" and {len(said) - 3} more" if len(said) > 3 else ""
        left = self.left(now)
        state = "still running" if self.cores else "running or in the queue"
        text = f"{self._count()} {state}: {'; '.join(said[:3])}{more}"
        return text + (f", {left}" if left else "")

    def left(self, now: float) -> str:
        """The time until the end of the run; "" if it is not known, or nothing is left."""
        rest = {n: self._expected(job) for n, job in self.jobs.items() if n not in self.finished}
        known = {number: seconds for number, seconds in rest.items() if seconds is not None}
        if not known or self.cores is None:
            return ""
        for number in known.keys() & self._running.keys():
            # A job beyond its estimate is expected to take as long again as it is late.
            known[number] = abs(known[number] - (now - self._running[number][1]))
        time = _time([(self.jobs[n], seconds) for n, seconds in known.items()], self.cores)
        missing = len(rest) - len(known)
        extra = f" and {missing} job{'s' * (missing > 1)} without an estimate" if missing else ""
        if time < 60:
            return f"less than a minute left{extra}"
        return f"about {duration(time if time >= 90 else round(time, -1))} left{extra}"

    def _count(self) -> str:
        total = str(len(self.jobs))
        return f"[{len(self.finished):>{len(total)}}/{total}]"

    def _expected(self, job: Job) -> float | None:
        """The seconds of a job, by its estimate and what finished jobs took in this run compared
        with theirs: those of its rule, and, as long as they are few, all."""
        took, estimated, number = self._took[job.name]
        if job.seconds is None:
            return took / number if number else None
        compared = [sums for sums in self._took.values() if sums[1]]
        of_all = (sum(sums[0] for sums in compared) + PRIOR_S) / (
            sum(sums[1] for sums in compared) + PRIOR_S
        )
        if estimated:
            of_all = (took + PRIOR_S * of_all) / (estimated + PRIOR_S)
        return job.seconds * of_all
