"""The jobs of a study in the queue of SLURM."""

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
