"""Models that look at a person, and ensembles: from detected boxes to the exported files."""

import json

import numpy as np
import pandas as pd

from stillact.core.tables import read_csv
from support import exports
from support.people import CHANGES
from support.projects import EXPORTED, MADE, NEW, PROJECT, copy

FILES = {"README.md", "config.json", "detector.onnx", "model.onnx", "model.safetensors"}


def test_a_person_is_found_seen_and_voted_on(with_people):
    results = with_people.folder / "results"
    people = read_csv(results / "people/boxes.csv")
    assert set(people["source"]) <= {"detector", ""}
    assert (people["source"] == "detector").sum() > 18
    answer = json.loads((results / "answer.json").read_text())
    assert not answer["not_judged"]
    members = read_csv(results / "selection/members.csv").set_index("without")
    assert members.index.tolist() == ["", "clip_pair", "joints", "cnn_base"]
    check_votes(results, members.loc["", "accuracy"])

    robust = read_csv(results / "robustness/activity3/asked/vote.csv")
    assert set(robust["seed"]) == {0, 1}
    assert set(robust["corruption"]) == {"clean", "grey"}
    assert "Members of ensembles" in (results / "report.html").read_text()
    check_export(with_people.folder, results)
    assert "Nothing to be done" in with_people.run(*EXPORTED)


def test_the_chosen_model_is_exported(with_people, tmp_path):
    project = copy(with_people.folder, tmp_path / "copy", *PROJECT, *MADE)
    project.configure(CHANGES, {"deploy": None})
    project.run("--", "export")  # which may look at no person
    exported = project.folder / "results/export"
    config = json.loads((exported / "config.json").read_text())
    assert (config["detector"] is None) == ((exported / "detector.onnx").stat().st_size == 0)


def test_a_model_that_looks_at_no_person_is_exported_without_a_detector(with_people, tmp_path):
    project = copy(with_people.folder, tmp_path / "copy", *PROJECT, *MADE)
    project.configure(CHANGES, {"deploy": "cnn_base"})
    project.run("--", "export")
    exported = project.folder / "results/export"
    config = json.loads((exported / "config.json").read_text())
    assert config["detector"] is None
    assert (exported / "detector.onnx").stat().st_size == 0


def check_votes(results, accuracy: float) -> None:
    table = read_csv(results / "predictions/activity3.csv")
    keys = ["split", "seed", "subset", "image_id"]
    of = {model: rows.set_index(keys).sort_index() for model, rows in table.groupby("model")}
    columns = [name for name in table if name.startswith("prob_")]
    logs = [
        np.log(np.maximum(of[name].loc[of["vote"].index, columns], 5e-9))
        for name in ("clip_pair", "joints", "cnn_base")
    ]
    mean = np.exp(sum(logs) / 3)
    expected = mean.div(mean.sum(axis=1), axis=0)
    np.testing.assert_allclose(of["vote"][columns], expected, atol=1e-8)
    folds = of["vote"].reset_index().query("split != 'holdout' and subset == 'test'")
    right = "prob_" + folds["label"] == folds[columns].idxmax(axis=1)
    assert len(folds) == 36
    assert right.mean() == accuracy


def check_export(folder, results) -> None:
    """The exported files find the person and predict as the study does."""
    assert {path.name for path in (results / "export").iterdir()} == FILES | {"predict.py"}
    expected: pd.DataFrame = read_csv(results / "predict/predictions.csv")
    boxes = read_csv(results / "predict/people.csv")
    assert (boxes["person_boxes"] != "").sum() > 3
    photos = [folder / NEW / path for path in expected["path"]]
    said, found = exports.answers(results / "export", photos)
    assert said == expected["predicted"].tolist()
    np.testing.assert_allclose(found, expected["confidence"], rtol=0, atol=1e-4)
    config = json.loads((results / "export/config.json").read_text())
    assert [view["region"] for view in config["views"]] == ["photo", "person", "around", "photo"]
    assert len(config["backbones"]) == 2
