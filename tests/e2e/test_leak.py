"""Labels that mean nothing: the pipeline, choosing included, must find nothing in them.

Photos have labels in random order. What leaks from a test photo into training shows as accuracy
above chance, and what choosing the best of several models adds to its accuracy has to be removed.
"""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

from stillact.core.tables import read_csv
from support.fault_server import photo

CLASSES = ["reading", "cooking", "phoning"]
PHOTOS, FOLDS = 120, 20
CANDIDATES = {  # the simplest first
    "probe": {"recipe": "linear_probe"},
    "prolip": {"recipe": "prolip", "prompts": "words"},
    "on_embedding": {"recipe": "mlp", "features": "embedding"},
    "on_similarity": {"recipe": "mlp", "features": "similarity", "prompts": "words"},
}


@pytest.fixture
def study(project):
    """Three classes of photos of noise, whose labels are drawn at random, as a user's study."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(CLASSES, PHOTOS // len(CLASSES)))
    (project.folder / "photos").mkdir()
    names = [f"photos/{i}.jpg" for i in range(PHOTOS)]
    for name in names:
        (project.folder / name).write_bytes(photo(name, (48, 48)))
    pd.DataFrame({"url": names, "label": labels}).to_csv(project.folder / "own.csv", index=False)
    models = {name: {"backbone": "clip", **block} for name, block in CANDIDATES.items()}
    task = {"classes": CLASSES, "models": list(models)}
    project.configure(
        {
            "dataset": {"manifest": "own.csv", "classes": CLASSES},
            "tasks": {"activity3": None, "sit_stand": None, "noise": task},
            "prompts": {"words": {label: [label] for label in CLASSES}},
            "models": models,
            "splits": {"kfold": {"folds": FOLDS, "repeats": 1}},
            "cross_validation": {"prolip": 1},
            "recipes": {
                "linear_probe": {"c": [1, 100], "folds": 2},
                "mlp": {"max_epochs": 20, "batch_size": 32},
                "prolip": {"max_epochs": 10},
            },
            "resources": {
                recipe: {"folds_per_job": FOLDS} for recipe in ("linear_probe", "prolip", "mlp")
            },
            "seeds": [0],
        }
    )
    return project


def test_of_random_labels_nothing_is_shown(study):
    study.run("--", "results/deployed/model.json", "results/selection/recipes.csv")
    results = study.folder / "results"
    answer = json.loads((results / "answer.json").read_text())
    assert (answer["verdict"], answer["model"]) == ("nothing_shown", None)
    assert answer["images"] == PHOTOS
    assert answer["accuracy_low"] < answer["chance"] == pytest.approx(1 / 3)
    assert "do not show that any model can distinguish" in (results / "answer.md").read_text()
    log = (results / "logs/deploy.log").read_text()
    assert "the study shows of no model that it is better than chance" in log

    # Each model is about as accurate as guessing, and the best of them is so by luck.
    table = read_csv(results / "selection/recipes.csv").query("scheme == 'cv'").set_index("model")
    assert set(table.index) == set(CANDIDATES)
    low, high = binom.interval(0.999, PHOTOS, 1 / len(CLASSES))
    assert table["accuracy"].mul(PHOTOS).between(low, high).all()
    assert table["accuracy"].max() == table.loc[answer["chosen"], "accuracy"] > answer["accuracy"]

    # To train on the photos tested on would be seen.
    predictions = read_csv(results / "predictions/noise.csv")
    label = predictions.drop_duplicates("image_id").set_index("image_id")["label"]
    embeddings = np.load(results / "embeddings/clip/images.npy")
    label = label[read_csv(results / "embeddings/clip/images.csv")["image_id"]]
    seen = make_pipeline(Normalizer(), LogisticRegression(C=100)).fit(embeddings, label)
    assert (seen.predict(embeddings) == label).sum() > high
