"""A small study through a real SLURM (`make test-slurm`): the CSVs of a local run, to the byte,
with one job cancelled on the way."""

import shutil
import subprocess
import time

import pytest

from support.projects import PROJECT, copy

RUNS = "results/runs/activity3"
MODELS = ("cnn_base", "clip_em", "clip_ic")
TARGETS = [f"{RUNS}/{model}/holdout/seed_0/predictions.csv" for model in MODELS]
STUDY = {
    "device": "cuda",  # which torch does not find here: the jobs ask for one, and train on the CPU
    "recipes": {"from_scratch": {"size": 32, "max_epochs": 150, "patience": 150}},
}
PROFILE = ["--workflow-profile", "profiles/slurm", "--slurm-status-command", "squeue"]
PROFILE += ["--slurm-init-seconds-before-status-checks", "5"]


def told(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def slurm() -> None:
    try:
        nodes = subprocess.run(["sinfo", "-h", "-o", "%T %G"], capture_output=True, text=True)
    except FileNotFoundError:
        nodes = None
    if nodes is None or nodes.returncode or "gpu" not in nodes.stdout:
        pytest.fail(
            "no SLURM with a GPU answers `sinfo`. One node is enough: install slurm-wlm and munge; "
            "in slurm.conf GresTypes=gpu, a NodeName with Gres=gpu:1 and 20 GB of memory, and a "
            "partition; in gres.conf Name=gpu File=/dev/null; start munged, slurmctld and slurmd",
            pytrace=False,
        )


@pytest.mark.timeout(1800)
def test_the_bytes_of_a_local_run_though_a_job_is_cancelled(slurm, project, tmp_path):
    project.configure(STUDY)
    project.run("--", *TARGETS)
    expected = project.csv_bytes()
    made = ("weights", "results", "cache", ".snakemake")
    sent = copy(project.folder, tmp_path / "sent", *PROJECT, *made)
    sent.configure(STUDY)
    shutil.rmtree(sent.folder / RUNS)
    with open(tmp_path / "said", "w+") as said:
        process = sent.start(*PROFILE, "--", *TARGETS, stdout=said)
        number = begun(process, sent.folder / "results/unfinished")
        assert "TresPerJob=gres:gpu:1" in told("scontrol", "show", "job", number)
        subprocess.run(["scancel", number], check=True)
        process.wait(1500)
        said.seek(0)
        output = said.read()
    assert process.returncode == 0, output
    assert f"SLURM-job '{number}' failed, SLURM status is: 'CANCELLED'" in output
    assert output.count("has been submitted") == len(TARGETS) + 1
    assert sent.csv_bytes() == expected


def begun(process: subprocess.Popen, unfinished) -> str:
    """The number of the job that trains cnn_base, once it does."""
    end = time.monotonic() + 600
    while not list(unfinished.glob("*cnn_base*/made_from")):
        assert process.poll() is None, "ended before a training began"
        assert time.monotonic() < end, "no training began"
        time.sleep(0.1)
    jobs = told("squeue", "--noheader", "--states", "running", "--format", "%i %k").splitlines()
    (number,) = [job.split()[0] for job in jobs if "from_scratch" in job]
    return number
