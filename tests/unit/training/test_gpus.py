"""Processes that ask for a GPU, on a machine with two of them: nvidia-smi is made up."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
A, B = "GPU-aaaaaaaa-0000-0000-0000-000000000000", "GPU-bbbbbbbb-0000-0000-0000-000000000000"
TWO = f"{A}, 16376\n{B}, 16376\n"
LARGE = f"{A}, 24564\n{B}, 8192\n"
JOB = """
import logging, os, sys
logging.basicConfig(level="INFO", stream=sys.stdout, format="%(message)s")
from stillact.training import gpus
gpus.take_one()
print("has", os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def machine(tmp_path):
    """Make the environment of a process on a machine with these GPUs; None: without a driver."""

    def environment(listed: str | None = TWO, **variables: str) -> dict[str, str]:
        variables |= {"TMPDIR": str(tmp_path), "PATH": str(tmp_path), "PYTHONUNBUFFERED": "1"}
        if listed is not None:
            smi = tmp_path / "nvidia-smi"
            query = "--query-gpu=uuid,memory.total --format=csv,noheader,nounits"
            smi.write_text(f"#!/bin/sh\n[ \"$*\" = '{query}' ] && echo '{listed}'\n")
            smi.chmod(0o755)
        return {"PYTHONPATH": str(ROOT / "workflow/lib"), **variables}

    return environment


@contextmanager
def job(environment: dict[str, str]) -> Iterator[subprocess.Popen]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", JOB], env=environment, **pipes) as process:
        try:
            yield process
        finally:  # of a failed test too: else it would wait for ever
            process.stdin.close()


def said(process: subprocess.Popen) -> str:
    return process.stdout.readline().rstrip("\n")


def got(process: subprocess.Popen) -> str:
    while not (line := said(process)).startswith("has "):
        assert line, "ended without a GPU"
    return line.removeprefix("has ")


def test_two_jobs_have_a_gpu_each_and_a_third_waits(machine):
    with ExitStack() as running:
        first, second = (running.enter_context(job(machine())) for _ in range(2))
        taken = [got(first), got(second)]
        assert sorted(taken) == [A, B]
        third = running.enter_context(job(machine()))
        told = said(third)
        assert "all 2 places on GPUs are in use" in told
        assert "--resources gpu=2" in told
        os.kill(first.pid, signal.SIGKILL)  # it cannot give back anything itself
        assert got(third) == taken[0]


def test_a_gpu_with_enough_memory_is_shared_when_none_is_free(machine):
    with ExitStack() as running:
        jobs = [running.enter_context(job(machine(LARGE))) for _ in range(2)]
        assert sorted(map(got, jobs)) == [A, B]
        assert got(running.enter_context(job(machine(LARGE)))) == A
        fourth = running.enter_context(job(machine(LARGE)))
        assert "all 3 places on GPUs are in use" in said(fourth)
        os.kill(jobs[0].pid, signal.SIGKILL)
        os.kill(jobs[1].pid, signal.SIGKILL)
        assert got(fourth) in (A, B)


def test_a_job_that_ended_leaves_its_gpu(machine):
    for _ in range(3):
        with job(machine()) as process:
            assert got(process) == A


def test_of_the_devices_that_are_named(machine):
    two = machine(CUDA_VISIBLE_DEVICES="2,3")
    with job(two) as first, job(two) as second:
        assert {got(first), got(second)} == {"2", "3"}


@pytest.mark.parametrize("chosen", ["0", "", "GPU-cccccccc", "MIG-GPU-cccccccc/1/0"])
def test_what_somebody_has_chosen_stays(machine, chosen):
    """As SLURM does, whose jobs on one machine may both see their own GPU as number 0."""
    one = machine(CUDA_VISIBLE_DEVICES=chosen)
    with job(one) as first, job(one) as second:
        assert got(first) == got(second) == chosen


def test_without_a_driver(machine):
    with job(machine(None)) as process:
        assert got(process) == "None"


def test_before_cuda_is_started():
    """CUDA reads the variable once: no import of a job that may use a GPU starts it."""
    code = """
import sys, torch
from stillact.training import loop as training
asked = []
torch._C._cuda_getDeviceCount = lambda: asked.append("CUDA") or 0
training.gpus.take_one = lambda: asked.append("GPU")
import stillact.models.backbones.loading, stillact.perturb.occlusion, stillact.saliency.maps
import stillact.evaluation.external, stillact.perturb.robustness
import stillact.inference.deployed, stillact.training.trained, stillact.recipes.fine_tune
import stillact.perturb.corruption
with training.repeatable(1):
    training.choose_device("cpu")
    training.choose_device("cuda")
assert asked[0] == "GPU", asked
assert set(asked[1:]) <= {"CUDA"}, asked
"""
    path = {**os.environ, "PYTHONPATH": str(ROOT / "workflow/lib")}
    subprocess.run([sys.executable, "-c", code], env=path, check=True)
