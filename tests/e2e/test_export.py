"""The model that is used, exported from the finished tiny study."""

import json

import numpy as np

from stillact.core.tables import read_csv
from support import exports
from support.projects import EXPORTED, NEW

FILES = {"README.md", "config.json", "model.onnx", "model.safetensors", "predict.py"}


def test_the_example_answers_as_predict_does(exported):
    results = exported.folder / "results"
    assert {path.name for path in (results / "export").iterdir()} == FILES
    used = json.loads((results / "deployed/model.json").read_text())
    told = json.loads((results / "export/config.json").read_text())
    for key in ("model", "seed", "temperature", "threshold"):
        assert told[key] == used[key]
    answer = json.loads((results / "answer.json").read_text())
    assert used["model"] == answer["chosen"]
    assert used["images"] == answer["images"] == 36
    for key in ("accuracy", "accuracy_low", "accuracy_high"):
        assert used[key] == answer[key]
    assert f"{100 * answer['accuracy']:.1f} %" in (results / "export/README.md").read_text()

    expected = read_csv(results / "predict/predictions.csv")
    photos = [exported.folder / NEW / path for path in expected["path"]]
    said, found = exports.answers(results / "export", photos)
    assert said == expected["predicted"].tolist()
    np.testing.assert_allclose(found, expected["confidence"], rtol=0, atol=1e-4)
    assert "Nothing to be done" in exported.run(*EXPORTED)


def test_another_model_to_use_is_exported_without_any_training(rerun):
    rerun.configure({"deploy": "cnn_base"})
    output = rerun.run("--verbose", "--", "results/export/model.onnx")
    jobs = output.split("Job stats:")[1].split("total")[0].split()
    assert [word for word in jobs if word in ("deploy", "export")] == ["deploy", "export"]
    assert not [word for word in jobs if "seed" in word]
    told = json.loads((rerun.folder / "results/export/config.json").read_text())
    assert (told["model"], told["backbones"]) == ("cnn_base", [])
    card = (rerun.folder / "results/export/README.md").read_text()
    assert "# cnn_base: human activity recognition" in card
