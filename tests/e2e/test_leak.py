"""Labels that mean nothing: the pipeline, choosing included, must find nothing in them.

Photos have labels in random order. What leaks from a test photo into training or choosing shows as
accuracy above chance; the same tables, chosen from on the test photos, show that it would be seen.
"""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

from stillact.core.tables import read_csv
from stillact.evaluation import selection
from stillact.evaluation.selection import SELECTED
from support.fault_server import photo

CLASSES = ["reading", "cooking", "phoning"]
PHOTOS, FOLDS = 120, 20
CANDIDATES = {  # the simplest first
    "probe": {"recipe": "linear_probe"},
    "vit_probe": {"recipe": "linear_probe", "backbone": "vit"},
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
            "selection": {"by": "accuracy", "inner": ["linear_probe"]},
            "recipes": {
                "linear_probe": {"c": [1, 100], "folds": 2},
                "mlp": {"max_epochs": 20, "batch_size": 32},
                "prolip": {"max_epochs": 10},
            },
            "seeds": [0],
        }
    )
    return project


def beyond_chance(right: int, photos: int) -> bool:
    """Whether so many right answers are more than guessing one of three explains, 99.5 % sure."""
    return right > binom.ppf(0.995, photos, 1 / len(CLASSES))


def test_random_labels_are_told_apart_no_better_than_by_chance(study):
    study.run("--", "results/selection/recipes.csv")
    results = study.folder / "results"
    table = read_csv(results / "selection/recipes.csv").query("scheme == 'cv'").set_index("model")
    assert set(table.index) == {*CANDIDATES, SELECTED}
    assert set(table["images"]) == {PHOTOS}
    own = round(table.loc[SELECTED, "accuracy"] * PHOTOS)
    low, high = binom.interval(0.99, PHOTOS, 1 / len(CLASSES))
    assert low <= own <= high

    # The best single one stands there too, with its luck, and is told apart from the selected one.
    best = table.drop(index=SELECTED)["accuracy"].max()
    assert best > table.loc[SELECTED, "accuracy"]

    # The probes were compared on all photos but those tested on.
    predictions = read_csv(results / "predictions/noise.csv")
    folds = predictions[predictions["split"].str.startswith("cv_")]
    scores = read_csv(results / "selection/scores.csv").query("split != 'holdout'")
    probes = scores["model"].isin(["probe", "vit_probe"])
    assert set(scores.loc[probes, "images"]) == {PHOTOS - PHOTOS // FOLDS}
    assert set(scores.loc[~probes, "images"]) == {PHOTOS // FOLDS}

    # To choose on the test photos of each fold would be seen.
    assert right_of_chosen(folds) == own
    assert beyond_chance(right_of_best(folds), PHOTOS)
    # The rule of one standard error, which keeps to the simplest, gains less by it, but gains.
    swapped = folds["subset"].map({"validation": "test", "test": "validation"})
    leaking = folds.assign(subset=swapped)
    assert right_of_chosen(leaking, judged="validation") > own

    # So would be to train on them.
    embeddings = np.load(results / "embeddings/clip/images.npy")
    ids = read_csv(results / "embeddings/clip/images.csv")["image_id"]
    label = folds.drop_duplicates("image_id").set_index("image_id")["label"][ids]
    seen = make_pipeline(Normalizer(), LogisticRegression(C=100)).fit(embeddings, label)
    assert beyond_chance((seen.predict(embeddings) == label).sum(), PHOTOS)


def right_of_chosen(folds: pd.DataFrame, judged: str = "test") -> int:
    """Right answers, on the photos judged, of the model that `selection` chooses in each fold."""
    table = selection.scores(folds, list(CANDIDATES), "accuracy")
    rows = selection.selected(folds, table).query("subset == @judged")
    assert rows["image_id"].is_unique
    return int(right(rows).sum())


def right_of_best(folds: pd.DataFrame) -> int:
    """Right answers on the test photos of the model that has most of them, fold by fold."""
    rows = folds.query("subset == 'test'")
    of_model = right(rows).groupby([rows["split"], rows["model"]]).sum()
    return int(of_model.groupby("split").max().sum())


def right(rows: pd.DataFrame) -> pd.Series:
    columns = [f"prob_{label}" for label in CLASSES]
    return rows[columns].idxmax(axis=1).str.removeprefix("prob_") == rows["label"]
