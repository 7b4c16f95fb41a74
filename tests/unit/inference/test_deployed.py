"""The model that is used: loaded by its record, calibrated by its temperature."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import log_softmax, softmax

from stillact.core.tables import write_csv
from stillact.data.preprocessing import Preprocessing
from stillact.inference import deployed
from stillact.recipes.from_scratch import setup as from_scratch
from stillact.recipes.from_scratch.config import FromScratchPlan
from stillact.training import jobs

CLASSES = ["sitting", "standing"]
PLAN = FromScratchPlan(
    recipe="from_scratch",
    network=dict(type="cnn", channels=[4], hidden=8),
    classes=CLASSES,
    matched=None,
    training=dict(
        size=16,
        geometry="letterbox",
        learning_rate=0.01,
        weight_decay=0,
        batch_size=8,
        max_epochs=2,
        patience=2,
    ),
)


@pytest.fixture
def record(tmp_path):
    rng = np.random.default_rng(0)
    split = pd.DataFrame({"image_id": [f"{i:02}" for i in range(24)]})
    split["label"] = [CLASSES[i % 2] for i in range(24)]
    split["subset"] = ["train"] * 12 + ["validation"] * 6 + ["test"] * 6
    np.save(tmp_path / "pack.npy", rng.integers(0, 256, (24, 16, 16, 3), np.uint8))
    write_csv(split[["image_id"]], tmp_path / "pack.csv")
    write_csv(split, tmp_path / "split.csv")
    files = dict(array=tmp_path / "pack.npy", index=tmp_path / "pack.csv")
    run = tmp_path / "t/cnn/holdout/seed_0"
    given = files | dict(split=tmp_path / "split.csv")
    jobs.train_runs(from_scratch.setup, PLAN, given, [run], tmp_path / "u", "cpu", threads=1)
    path = tmp_path / "deployed.json"
    path.write_text(json.dumps({"model": "cnn", "run": str(run), "temperature": 2.5}))
    models = {"cnn": {"plan": PLAN.model_dump(), "files": {k: str(v) for k, v in files.items()}}}
    return path, models


def test_it_answers_with_the_temperature_and_says_how_it_looks(record):
    used = deployed.load(*record, torch.device("cpu"))
    assert used.classes == CLASSES
    assert used.preprocessing == Preprocessing(16, "letterbox")
    photos = torch.randint(0, 256, (5, 3, 16, 16), dtype=torch.uint8)
    plain = used.trained.probabilities(photos)
    expected = softmax(log_softmax(np.log(plain), axis=1) / 2.5, axis=1)
    np.testing.assert_allclose(used.probabilities(photos), expected, rtol=1e-6)
    assert (used.probabilities(photos).max(1) < plain.max(1)).all()
