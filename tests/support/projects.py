"""A small study for the tests that go through Snakemake: 36 rendered scenes at 16 px, two seeds,
tiny backbones."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from stillact.core.tables import read_csv
from stillact.data.fetch.cache import cached
from support import tiny_backbones

REPO = Path(__file__).parents[2]
PROJECT = ["Snakefile", "config.yaml", "workflow", "envs", "profiles", "data"]
MADE = ["weights", "results", "cache", ".snakemake"]
NEW = "new"  # the folder of the photos to predict
EXPORTED = ["--config", f"photos={NEW}", "--", "predict", "export"]
SNAKEMAKE = [sys.executable, "-m", "snakemake", "--cores", "2"]

PAPERS = ["fnn_base", "cnn_base", "cnn_gen", "vit", "siglip2", "clip_ic", "clip_em", "clip_cs"]
# One model of each recipe past the paper.
BEYOND = ["clip_zero_photo", "clip_probe", "clip_prolip", "clip_views", "clip_text"]
BEYOND += ["clip_wise_ft", "clip_soup"]
# Variants of the paper's table 3; vertical_flip, rotation and all_combined stay.
LEFT_OUT = ["perspective", "random_resized_crop", "colour_jitter", "gaussian_blur"]
LEFT_OUT += ["horizontal_flip", "greyscale"]

TINY = {
    "dataset": {"name": "tiny", "manifest": "results/synthetic/manifest.csv"},
    "synthetic": {"images_per_class": {"walking_running": 12, "sitting": 12, "standing": 12}},
    "splits": {"kfold": {"folds": 3, "repeats": 1}},
    "cross_validation": {
        **dict.fromkeys(["from_scratch", "fine_tune", "prolip", "wise_ft", "tta"], 0),
        **dict.fromkeys(["mlp", "zero_shot", "linear_probe"], 1),
    },
    "tasks": {"activity3": {"models": [*PAPERS, *BEYOND]}},
    "paper": {  # as if the scenes were its photos
        "manifests": ["results/synthetic/manifest.csv"],
        "table_3": {"variants": dict.fromkeys(LEFT_OUT)},
    },
    "robustness": {
        "models": ["clip_probe"],
        "corruptions": ["grey", "shot_noise"],
        "severities": [1],
    },
    "recipes": {
        "from_scratch": {"size": 16, "max_epochs": 2, "batch_size": 16},
        "fine_tune": {"max_epochs": 2, "batch_size": 16},
        "mlp": {"max_epochs": 2, "batch_size": 16},
    },
    "resources": {
        recipe: {"threads": 1} for recipe in ("fine_tune", "wise_ft", "seed_soup", "tta")
    },
    "backbones": {
        "clip": {"loader": "open_clip", "name": "local-dir:", "weights": "weights/clip"},
        "siglip2": {"loader": "transformers", "name": "vit", "weights": "weights/siglip2"},
        "vit": {"loader": "timm", "name": "local-dir:", "weights": "weights/vit"},
    },
    "seeds": [0, 1],
    "runs_per_job": 2,
    "device": "cpu",
    "precision": "fp32",  # the same on all processors
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

    def add_photos(self) -> None:
        """Copy eight photos of the study to the folder `new`."""
        (self.folder / NEW).mkdir()
        self.copy_photos(8, self.folder / NEW)

    def copy_photos(self, count: int, folder: Path) -> None:
        """Copy the first photos of the study, scenes, to a folder."""
        images = read_csv(self.folder / "results/data/images.csv").head(count)
        for image, sha256 in zip(images["id"], images["sha256"], strict=True):
            shutil.copy(cached(self.folder / "cache", sha256), folder / f"{image}.png")

    def csv_bytes(self) -> dict[str, bytes]:
        results = self.folder / "results"
        tables = sorted(results.rglob("*.csv"))
        return {str(path.relative_to(results)): path.read_bytes() for path in tables}


def environment() -> dict[str, str]:
    """One thread a process and no GPU, so that a test's numbers do not depend on the machine."""
    return {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "PYTHONUNBUFFERED": "1",
    }


def copy(source: Path, target: Path, *names: str) -> Project:
    """A project of its own: `source`'s files with their times, so that nothing looks changed."""
    # Another process may be writing the first two, or looking at `source`, which it locks.
    being_written = shutil.ignore_patterns("*.pyc.*", "*.digest.json.*", "*.lock")
    target.mkdir(parents=True, exist_ok=True)
    for name in names:
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name, ignore=being_written)
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
