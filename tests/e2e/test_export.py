"""The model that is used, exported from the finished tiny study."""

import json
import subprocess
import sys

import numpy as np

from stillact.core.tables import read_csv
from stillact.evaluation.calibration import apply_temperature

FILES = {"README.md", "config.json", "model.onnx", "model.safetensors", "predict.py"}


def test_the_example_answers_as_the_runs_predictions_do(rerun):
    rerun.run("--", "export")
    results = rerun.folder / "results"
    assert {path.name for path in (results / "export").iterdir()} == FILES
    used = json.loads((results / "selection/deployed.json").read_text())
    told = json.loads((results / "export/config.json").read_text())
    assert (told["model"], told["seed"]) == (used["model"], used["seed"])
    tested = read_csv(rerun.folder / used["run"] / "predictions.csv").query("subset == 'test'")
    columns = [f"prob_{name}" for name in told["classes"]]
    expected = apply_temperature(tested[columns].to_numpy(), used["temperature"])
    sha256 = read_csv(results / "data/images.csv").set_index("id")["sha256"]
    photos = [rerun.folder / "cache" / h[:2] / h for h in sha256[tested["image_id"]]]
    command = [sys.executable, "-I", results / "export/predict.py", *photos]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    answers = [line.split(": ")[1].split() for line in lines]
    assert [said for said, *_ in answers] == [
        told["classes"][place] for place in expected.argmax(1)
    ]
    found = [float(probability) for _, probability, *_ in answers]
    np.testing.assert_allclose(found, expected.max(1), rtol=0, atol=1e-4)
    assert "Nothing to be done" in rerun.run("--", "export")


def test_another_model_to_use_is_exported_without_any_training(rerun):
    rerun.configure({"deploy": "cnn_base"})
    output = rerun.run("--", "results/export/model.onnx")
    jobs = output.split("Job stats:")[1].split("total")[0].split()
    assert [word for word in jobs if word in ("deploy", "export")] == ["deploy", "export"]
    assert not [word for word in jobs if "seed" in word]
    told = json.loads((rerun.folder / "results/export/config.json").read_text())
    assert (told["model"], told["backbone"]) == ("cnn_base", None)
    card = (rerun.folder / "results/export/README.md").read_text()
    assert "# cnn_base: human activity recognition" in card
