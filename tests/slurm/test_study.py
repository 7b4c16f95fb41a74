"""A small study through a real SLURM (`make test-slurm`): the CSVs of a local run, to the byte,
with one job cancelled on the way; and after Snakemake was killed, no job runs twice."""

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
EACH = ["--group-components", "train_from_scratch=1"]


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
    assert f"SLURM ended job {number} (attempt 1, 3000 MB), because it was cancelled" in output
    assert output.count("has been submitted") == len(TARGETS) + 1
    log = sent.folder / "results/logs/train/activity3/cnn_base/holdout/seed_0.log"
    assert [f"SLURM job {number}" in log.read_text(), log.read_text().count("attempt:")] == [
        True,
        2,
    ]
    assert sent.csv_bytes() == expected


@pytest.mark.timeout(900)
def test_what_a_killed_snakemake_left_in_the_queue_is_cancelled(slurm, project, tmp_path):
    project.configure(STUDY)
    ready = ("results/splits/activity3/holdout.csv", "results/data/pack/resize_crop_32.npy")
    project.run("--", *ready)
    targets = [f"{RUNS}/{name}/holdout/seed_0/history.csv" for name in ("cnn_base", "cnn_gen")]
    with open(tmp_path / "first", "w") as said:
        first = project.start(*PROFILE, *EACH, "--", *targets, stdout=said)
        begun(first, project.folder / "results/unfinished", "cnn_")
        first.kill()
        first.wait()
    left = queued(project.folder)
    assert len(left) == 2
    project.run("--unlock")
    with open(tmp_path / "second", "w+") as said:
        second = project.start(*PROFILE, *EACH, "--", *targets, stdout=said)
        end = time.monotonic() + 120
        while not (now := queued(project.folder)) or now & left:
            assert time.monotonic() < end, now
            time.sleep(0.5)
        second.wait(800)
        said.seek(0)
        output = said.read()
    assert second.returncode == 0, output
    assert "cancelled 2 SLURM jobs of an earlier start" in output
    assert output.count("has been submitted") == len(targets)


@pytest.mark.timeout(600)
def test_a_job_beyond_its_time_is_told(slurm, project):
    project.configure(STUDY, {"runs_per_job": 1})
    ready = ("results/splits/activity3/holdout.csv", "results/data/pack/resize_crop_32.npy")
    project.run("--", *ready)
    endless = {"from_scratch": {"size": 32, "max_epochs": 10**6, "patience": None}}
    minute = {"from_scratch": {"minutes": 1, "mem_mb": 2500}}
    project.configure(STUDY, {"runs_per_job": 1, "recipes": endless, "resources": minute})
    output = project.fail(*PROFILE, "--retries", "0", "--", TARGETS[0])
    (told,) = [line for line in output.splitlines() if line.startswith("SLURM ended job")]
    assert "(attempt 1, 2500 MB), because it took longer than it requested" in told
    assert ": Training cnn_base on activity3" in told
    assert (project.folder / told.rsplit("log: ")[1]).exists()


def queued(folder) -> set[str]:
    """The numbers of the jobs in the queue that were submitted from a folder."""
    jobs = told("squeue", "--noheader", "--format", "%i %Z").splitlines()
    return {job.split()[0] for job in jobs if job.split(maxsplit=1)[1] == str(folder)}


def begun(process: subprocess.Popen, unfinished, model: str = "cnn_base") -> str:
    """The number of the job that trains a model, once it does."""
    end = time.monotonic() + 600
    while not list(unfinished.glob(f"*{model}*/made_from")):
        assert process.poll() is None, "ended before a training began"
        assert time.monotonic() < end, "no training began"
        time.sleep(0.1)
    jobs = told("squeue", "--noheader", "--states", "running", "--format", "%i %k").splitlines()
    (number,) = [job.split()[0] for job in jobs if "from_scratch" in job]
    return number
