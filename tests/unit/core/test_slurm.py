"""Jobs of an earlier start in SLURM's queue; the commands are made up, the queue is a file.
tests/slurm has the same with a real one. And why SLURM ended jobs, from the lines it writes."""

import os
from pathlib import Path

import pytest

from stillact.core import slurm
from stillact.core.errors import InputError

EARLIER = "364676d3-1b76-4cea-8a96-6ab018e4f52b"
COMMANDS = {
    "squeue": '[ "$1" = --me ] && cat queue',
    "scancel": """echo "$@" > cancelled
        for job; do awk -F'|' -v job="$job" '$1 != job' queue > left; mv left queue; done""",
}


@pytest.fixture
def queue(monkeypatch, tmp_path):
    """Put jobs into the queue: number, name, working directory. Returns this study's folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(slurm, "POLL_S", 0.01)

    def put(*jobs: tuple[str, str, str], **commands: str) -> Path:
        (tmp_path / "queue").write_text("".join("|".join(job) + "\n" for job in jobs))
        for name, text in (COMMANDS | commands).items():
            (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
            (tmp_path / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        study = tmp_path / "a study | of mine"
        study.mkdir()
        return study

    return put


def test_jobs_of_this_folder_alone_are_cancelled(queue, tmp_path):
    here = str(tmp_path / "a study | of mine")
    study = queue(
        ("2", EARLIER, here),
        ("3", EARLIER, str(tmp_path / "another")),
        ("4", "my own job", here),  # such as the one in which Snakemake itself runs
        ("5_[1-4]", f"prefix_{EARLIER}", here),
        ("6", EARLIER, str(tmp_path / "link")),
    )
    (tmp_path / "link").symlink_to(study)
    assert slurm.cancel_jobs(study) == ["2", "5_[1-4]", "6"]
    assert (tmp_path / "cancelled").read_text() == "2 5_[1-4] 6\n"


def test_nothing_is_cancelled_in_an_empty_queue(queue, tmp_path):
    assert slurm.cancel_jobs(queue()) == []
    assert not (tmp_path / "cancelled").exists()


def test_a_machine_without_slurm(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert slurm.cancel_jobs(tmp_path) == []


def test_a_job_that_does_not_end_is_named(queue, monkeypatch, tmp_path):
    monkeypatch.setattr(slurm, "END_S", 0.05)
    study = queue(("2", EARLIER, str(tmp_path / "a study | of mine")), scancel="exit 0")
    with pytest.raises(InputError, match="SLURM jobs 2 of an earlier start do not end"):
        slurm.cancel_jobs(study)


def test_it_is_said_if_slurm_does_not_answer(queue):
    study = queue(squeue="echo Unable to contact slurm controller >&2; exit 1")
    with pytest.raises(InputError, match=r"`squeue` failed \(Unable to contact"):
        slurm.cancel_jobs(study)


HEAD = """\
SLURM job: 6000 MB
  Command: snakemake/__main__.py --target-jobs train:model=cnn_base --attempt 2 --force
    Job 1: Training cnn_gen
    Job 2: Training cnn_base
"""
MEMORY = "more memory than it requested"
STOPPED = "slurmstepd: error: *** JOB 31 ON vm CANCELLED AT 2026-11-29T06:48:40"
WRITTEN = {  # memory limit, time limit, cancelled: by SLURM 22.05; others: from users' reports
    "slurmstepd-vm: error: StepId=31.0 exceeded memory limit (33971 > 26214), being killed": MEMORY,
    "slurmstepd: error: Detected 1 oom-kill event(s) in StepId=31.batch.": MEMORY,
    "slurmstepd: error: Detected 1 oom_kill event in StepId=31.0.": MEMORY,
    "srun: error: node1: task 0: Out Of Memory": MEMORY,
    f"{STOPPED} DUE TO TIME LIMIT ***": "longer than it requested",
    f"{STOPPED} ***": "cancelled",
    f"{STOPPED} DUE TO PREEMPTION ***": "preempted",
    f"{STOPPED} DUE TO NODE FAILURE, SEE SLURMCTLD LOG FOR DETAILS ***": "node failed",
}


def write_log(folder: Path, *lines: str) -> Path:
    path = folder / "rule_train" / "31.log"
    path.parent.mkdir()
    path.write_text(HEAD + "\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("line", WRITTEN)
def test_why_slurm_ended_a_job(tmp_path, line):
    path = write_log(tmp_path, line)
    (sentence,) = slurm.ended(tmp_path, since=0)
    assert sentence.startswith("SLURM ended job 31 (attempt 2, 6000 MB), because it")
    assert WRITTEN[line] in sentence
    assert sentence.endswith(f": Training cnn_base; log: {path}")


def test_jobs_that_failed_by_themselves_are_not_told(tmp_path):
    write_log(tmp_path, "error: out of memory (CUDA out of memory). Run fewer jobs at once")
    assert slurm.ended(tmp_path, since=0) == []


def test_logs_of_earlier_starts_are_not_told(tmp_path):
    path = write_log(tmp_path, *WRITTEN)
    assert slurm.ended(tmp_path, since=path.stat().st_mtime + 1) == []
    assert slurm.ended(tmp_path / "none", since=0) == []


def test_a_log_says_what_its_job_requested(monkeypatch):
    monkeypatch.setenv("SLURM_MEM_PER_NODE", "6000")
    assert slurm.requested() == HEAD.splitlines()[0]
    monkeypatch.delenv("SLURM_MEM_PER_NODE")
    assert slurm.requested() is None
