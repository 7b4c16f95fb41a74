"""The jobs of a study in the queue of SLURM, and why SLURM ended one."""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

from stillact.core.errors import InputError

# Snakemake names the jobs of a start by a UUID, after an optional prefix.
_NAME = re.compile(r"(.+_)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# SLURM kills a job that ignores its signal after KillWait, 30 s by default.
END_S = 180
POLL_S = 1.0

# What SLURM itself writes into a job's log when it ends the job, of versions 20 to 25.
_ENDED = {
    "it needed more memory than it requested": re.compile(
        r"(?mi)^(slurmstepd|srun).*(oom.?kill|out of memory|exceeded .*memory limit)"
    ),
    "it took longer than it requested": re.compile(r"(?m)^slurmstepd.* DUE TO TIME LIMIT"),
    "it was preempted": re.compile(r"(?m)^slurmstepd.* DUE TO PREEMPTION"),
    "its node failed": re.compile(r"(?m)^slurmstepd.* DUE TO NODE FAILURE"),
    "it was cancelled": re.compile(r"(?m)^slurmstepd.* JOB .* CANCELLED AT"),
}
_STEP = re.compile(r"(?m)^ *Job \d+: (.+)$")
_ATTEMPT = re.compile(r"--attempt (\d+)")
_REQUESTED = re.compile(r"(?m)^SLURM job: (.+)$")


def cancel_jobs(folder: Path) -> list[str]:
    """Cancel your jobs that an earlier Snakemake submitted from `folder`, and wait until they have
    ended. Returns their numbers; none on a machine without SLURM.

    Raises:
        InputError: SLURM does not answer, or jobs do not end.
    """
    if shutil.which("squeue") is None:
        return []
    cancelled = jobs = _jobs(folder)
    if jobs:
        _answer("scancel", *jobs)
    end = time.monotonic() + END_S
    while jobs := _jobs(folder) if jobs else []:
        if time.monotonic() > end:
            raise InputError(
                f"SLURM jobs {' '.join(jobs)} of an earlier start do not end, though cancelled; "
                f"start again when `squeue --job {','.join(jobs)}` lists them no more"
            )
        time.sleep(POLL_S)
    return cancelled


def requested() -> str | None:
    """A line for the log of a job of SLURM, which `ended` reads; None outside of one."""
    megabytes = os.environ.get("SLURM_MEM_PER_NODE")
    return f"SLURM job: {megabytes} MB" if megabytes else None


def ended(logs: Path, since: float) -> list[str]:
    """A sentence for each job that SLURM ended, from its log, which else nobody reads.

    Args:
        logs: folder of SLURM's logs, {...}/{job's number}.log; those of jobs without a failure are
            not kept.
        since: time of the start, seconds since the epoch; older logs are of earlier starts.
    """
    recent = [path for path in logs.rglob("*.log") if path.stat().st_mtime >= since]
    sentences = []
    for path in sorted(recent, key=lambda path: path.stat().st_mtime):
        text = path.read_text(encoding="utf-8", errors="replace")
        reason = next((why for why, words in _ENDED.items() if words.search(text)), None)
        if reason is not None:
            steps, attempt, asked = (p.findall(text) for p in (_STEP, _ATTEMPT, _REQUESTED))
            sentences.append(
                f"SLURM ended job {path.stem} (attempt {(attempt or ['?'])[0]}, "
                f"{(asked or ['memory unknown'])[0]}), because {reason}: "
                f"{(steps or ['before its first step'])[-1]}; log: {path}"
            )
    return sentences


def _jobs(folder: Path) -> list[str]:
    listed = _answer("squeue", "--me", "--noheader", "--format", "%i|%j|%Z")
    rows = [line.split("|", 2) for line in listed.splitlines()]
    here = folder.resolve()
    return [
        number
        for number, name, workdir in rows
        if _NAME.fullmatch(name) and Path(workdir).resolve() == here
    ]


def _answer(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise InputError(
            f"`{command[0]}` failed ({done.stderr.strip()}), so jobs of an earlier start may still "
            "be in the queue; start again when it answers"
        )
    return done.stdout
