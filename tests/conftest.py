"""Fixtures that several kinds of tests share."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import torch
from filelock import FileLock

from support.fault_server import FaultServer
from support.projects import PROJECT, Project, copy, fresh, write_weights

# Each of some hundred processes would compile and parse the same modules again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """For tests with tiny tensors: a second thread costs more than it gives."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    """A local HTTP server with faults; a proxy of the machine is not asked for it."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    with FaultServer() as server:
        yield server


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder weights/ of the tiny study."""
    folder = tmp_path_factory.mktemp("backbones") / "weights"
    write_weights(folder)
    return folder


@pytest.fixture
def project(tmp_path: Path, weights: Path) -> Project:
    """A fresh clone, as it were, and weights: nothing has run."""
    return fresh(tmp_path / "stillact", weights)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> Project:
    """The tiny study, run to its end, in a folder with a blank and letters that are not ASCII.
    Shared, by all processes of pytest: look, do not touch."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    project, done = Project(base / "finished" / "größere Übung"), base / "finished.done"
    with FileLock(base / "finished.lock"):
        if not done.exists():
            fresh(project.folder, weights).run()
            done.touch()
    return project


@pytest.fixture
def rerun(finished: Project, tmp_path: Path) -> Project:
    """A copy of the finished study, to change something in."""
    made = ("weights", "results", "cache", ".snakemake")
    return copy(finished.folder, tmp_path / "copy", *PROJECT, *made)
