"""The sweep over settings: which points a change of its lists trains. Two points are run once; what
a change would train is asked in dry-runs."""

import re

import pytest

from stillact.core.tables import read_csv
from support.projects import Project, fresh, merge

TOLD = re.compile(
    r"Training clip_ic on holdout: learning_rate~(\S+)\+layer_decay~(\S+)\+augment~(\w+)$",
    re.MULTILINE,
)
SWEEP = {"models": ["clip_ic"], "learning_rate": [10, 1], "layer_decay": [1.0]}
SWEEP |= {"augment": {"none": [], "flip": None, "strong": None}}
RUN = [("1.0", "1.0", "none"), ("10.0", "1.0", "none")]
PRODUCT = [(rate, "0.8", name) for rate in ("1.0", "10.0") for name in ("flip", "none")]
FLIP = [{"name": "horizontal_flip", "p": 0.5}]


@pytest.fixture(scope="module")
def swept(tmp_path_factory, weights) -> Project:
    """A project in which nothing but the sweep has been run. Its study.yaml alone is changed."""
    project = fresh(tmp_path_factory.mktemp("swept") / "stillact", weights)
    project.configure({"sweep": SWEEP})
    project.run("--", "sweep")
    return project


def test_every_combination_is_trained_and_judged(swept):
    points = read_csv(swept.folder / "results/sweep/clip_ic/points.csv")
    assert points["learning_rate"].tolist() == [10, 1]
    assert points["validation_loss"].between(0, 10).all()
    assert points["epochs"].tolist() == [2, 2]
    folders = [path.parent for path in swept.folder.glob("results/sweep/**/meta.json")]
    files = {"history.csv", "meta.json", "predictions.csv"}
    assert [{path.name for path in folder.iterdir()} for folder in folders] == [files, files]
    assert not list((swept.folder / "results/unfinished").iterdir())
    assert not (swept.folder / "results/runs").exists()


@pytest.mark.parametrize(
    ("changes", "trained"),
    [
        ({"learning_rate": [1, "1e1"]}, []),
        ({"learning_rate": [10, 1, 3]}, [("3.0", "1.0", "none")]),
        ({"layer_decay": [0.8], "augment": {"flip": FLIP}}, PRODUCT),
        ({"augment": {"none": FLIP}}, RUN),
    ],
)
def test_new_points_are_trained_and_no_others(swept, changes, trained):
    swept.configure({"sweep": merge(SWEEP, changes)})
    output = swept.run("--dry-run", "--verbose", "--", "sweep")
    assert sorted(TOLD.findall(output)) == trained
    counts = re.findall(r"^sweep_point +(\d+)$", output, re.MULTILINE)
    assert {int(count) for count in counts} == ({len(trained)} if trained else set())


def test_a_sweep_of_no_model_is_told(swept):
    swept.configure({"sweep": SWEEP | {"models": []}})
    assert "sweep.models: [], so there is no model to sweep" in swept.fail("-n", "sweep")


def test_networks_from_scratch_are_trained_on_each_fold(swept):
    swept.configure({"sweep": SWEEP | {"models": ["cnn_base"]}})
    output = swept.run("--dry-run", "--verbose", "--", "sweep")
    found = re.findall(r"Training cnn_base on cv_0_(\d): (\S+)$", output, re.MULTILINE)
    folds = sorted({int(fold) for fold, _ in found})
    assert len(found) == 2 * len(folds)
    assert folds == list(range(len(folds)))
    assert {point for _, point in found} == {
        "learning_rate~10.0+augment~none",
        "learning_rate~1.0+augment~none",
    }


def test_weights_are_those_that_models_start_from(swept):
    swept.configure()
    output = swept.run("--dry-run", "--verbose", "--", "weights")
    named = set(re.findall(r"Fetching the weights of (\w+)", output))
    assert {"siglip2", "vit"} <= named  # clip's are there
    assert not {"clip_b16", "dinov2_s", "dinov3_b"} & named
