"""A small study for the tests that go through Snakemake: 36 rendered scenes at 16 px, two seeds,
tiny backbones."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import torch
import yaml
from filelock import FileLock

sys.path.insert(0, str(Path(__file__).parent))
import tiny_backbones
from fault_server import FaultServer

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

REPO = Path(__file__).parents[1]
PROJECT = ["Snakefile", "config.yaml", "workflow", "envs", "profiles", "data"]
SNAKEMAKE = [sys.executable, "-m", "snakemake", "--cores", "2"]

# One model of each recipe past the paper.
BEYOND = ["clip_zero_photo", "clip_probe", "clip_prolip", "clip_views", "clip_text"]
BEYOND += ["clip_wise_ft", "clip_soup"]
# Variants of the augmentation study; vertical_flip, rotation and all_combined stay.
LEFT_OUT = ["perspective", "random_resized_crop", "colour_jitter", "gaussian_blur"]
LEFT_OUT += ["horizontal_flip", "greyscale"]

TINY = {
    "dataset": {"name": "tiny", "manifest": "results/stage/manifest.csv"},
    "stage": {"images_per_class": {"walking_running": 12, "sitting": 12, "standing": 12}},
    "splits": {"kfold": {"folds": 3, "repeats": 1}},
    "cross_validation": {
        **dict.fromkeys(["from_scratch", "fine_tune", "prolip", "wise_ft", "views"], 0),
        **dict.fromkeys(["mlp", "zero_shot", "linear_probe"], 1),
    },
    "tasks": {"activity3": {"beyond": BEYOND}},
    "augmentation_study": {"variants": dict.fromkeys(LEFT_OUT)},
    "robustness": {
        "models": ["clip_probe"],
        "corruptions": ["grey", "shot_noise"],
        "severities": [1],
    },
    "recipes": {
        "from_scratch": {"size": 16, "max_epochs": 2, "batch_size": 16},
        "fine_tune": {"max_epochs": 2, "batch_size": 16, "threads": 1},
        "mlp": {"max_epochs": 2, "batch_size": 16},
    },
    "backbones": {
        "clip": {"loader": "open_clip", "name": "local-dir:", "weights": "weights/clip"},
        "siglip2": {"loader": "transformers", "name": "vit", "weights": "weights/siglip2"},
        "vit": {"loader": "timm", "name": "local-dir:", "weights": "weights/vit"},
    },
    "seeds": [0, 1],
    "runs_per_job": 2,
    "device": "cpu",
}
for backbone in TINY["backbones"].values():
    backbone |= {"revision": None, "licence": None}  # the hub's


def merge(base: dict, over: dict) -> dict:
    """`base` with the keys of `over` set, mappings key by key, as Snakemake merges config files."""
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = merge(base[key], value) if both else value
    return merged


class Project:
    """A copy of this project in a folder of its own."""

    def __init__(self, folder: Path):
        self.folder = folder

    def configure(self, *changes: dict) -> None:
        """Write study.yaml: the tiny study with `changes`."""
        study = TINY
        for change in changes:
            study = merge(study, change)
        (self.folder / "study.yaml").write_text(yaml.safe_dump(study, sort_keys=False))

    def start(self, *arguments: str, **options) -> subprocess.Popen:
        command = [*SNAKEMAKE, "--configfile", "study.yaml", *arguments]
        options = {"text": True, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, **options}
        return subprocess.Popen(command, cwd=self.folder, env=environment(), **options)

    def run(self, *arguments: str) -> str:
        """Run Snakemake to its good end; returns what it printed."""
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=1500)
        assert process.returncode == 0, output
        return output

    def fail(self, *arguments: str) -> str:
        """Run Snakemake to its failure; returns what it printed."""
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=1500)
        assert process.returncode != 0, output
        return output

    def csv_bytes(self) -> dict[str, bytes]:
        results = self.folder / "results"
        tables = sorted(results.rglob("*.csv"))
        return {str(path.relative_to(results)): path.read_bytes() for path in tables}


def environment() -> dict[str, str]:
    """One thread a process and no GPU, so that a test's numbers do not hang on the machine."""
    return {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "PYTHONUNBUFFERED": "1",
    }


def copy(source: Path, target: Path, *names: str) -> Project:
    """A project of its own: `source`'s files with their times, so that nothing looks changed."""
    target.mkdir(parents=True, exist_ok=True)
    for name in names:
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name)
        else:
            shutil.copy2(source / name, target / name)
    project = Project(target)
    project.configure()
    return project


def fresh(folder: Path, weights: Path) -> Project:
    copy(weights.parent, folder, weights.name)
    return copy(REPO, folder, *PROJECT)


def write_weights(folder: Path) -> None:
    """What the tiny study's backbones start from."""
    for name, block in TINY["backbones"].items():
        tiny_backbones.write(block["loader"], folder / name)


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
