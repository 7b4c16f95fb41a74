"""Fixtures that several kinds of tests share."""

import gc
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
import torch
from filelock import FileLock

from support import people
from support.fault_server import FaultServer
from support.projects import EXPORTED, MADE, PROJECT, Project, copy, fresh, write_weights

# Each of some hundred processes would compile and parse the same modules again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Of tiny tensors, a second thread costs more than it gives; the variable is for what is started.
torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that need no finished study come first, so that a process runs them while another makes
    it; then those of the study with people, which is made of it, and takes minutes too."""
    late = ["finished", "with_people"]
    needs = {item: [name in getattr(item, "fixturenames", ()) for name in late] for item in items}
    items.sort(key=lambda item: (any(needs[item]), not needs[item][1]))


def pytest_collection_finish() -> None:
    """What is imported by now is exempt from garbage collection, as in jobs: statsmodels collects
    in each call."""
    gc.freeze()


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


def shared(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Project:
    """A project that one of pytest's processes makes, in `name`, and all of them use."""
    base = factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, done = base / name, base / f"{Path(name).parts[0]}.done"
    with FileLock(done.with_suffix(".lock")):
        if not done.exists():
            make(folder)
            done.touch()
    return Project(folder)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> Project:
    """The tiny study, run to its end, in a folder with a blank and letters that are not ASCII.
    Shared: look, do not touch."""

    def make(folder: Path) -> None:
        fresh(folder, weights).run()

    return shared(tmp_path_factory, "finished/größere Übung", make)


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory, finished: Project) -> Project:
    """The same with the photos of `new` predicted by the chosen model, which is exported. Shared:
    look, do not touch."""

    def make(folder: Path) -> None:
        project = copy(finished.folder, folder, *PROJECT, *MADE)
        project.add_photos()
        project.run(*EXPORTED)

    return shared(tmp_path_factory, "exported", make)


@pytest.fixture(scope="session")
def with_people(tmp_path_factory: pytest.TempPathFactory, finished: Project) -> Project:
    """The same with models that look at a detected person, and with the photos of `new` predicted
    by an ensemble of them, which is exported. Shared: look, do not touch."""

    def make(folder: Path) -> None:
        project = copy(finished.folder, folder, *PROJECT, *MADE)
        people.run(project)

    return shared(tmp_path_factory, "people", make)


@pytest.fixture
def rerun(finished: Project, tmp_path: Path) -> Project:
    """A copy of the finished study, to change something in."""
    return copy(finished.folder, tmp_path / "copy", *PROJECT, *MADE)
