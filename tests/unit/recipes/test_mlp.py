"""The heads on embeddings and on similarities."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from stillact.core.runs import SUBSETS
from stillact.core.tables import read_csv, write_csv
from stillact.models import networks
from stillact.recipes.mlp import setup as mlp
from stillact.recipes.mlp.config import MLPPlan
from stillact.training import jobs
from support import records

CLASSES = ["sitting", "standing", "walking_running"]
CPU = torch.device("cpu")
SCALE = 100.0
FACTS = {"logit_scale": SCALE, "embedding_width": 4}
TEXTS = np.float32([[2, 0, 0, 0], [0, 3, 0, 0], [0, 0, 1, 0]])


def plan(features="similarity", classes=CLASSES, **training) -> MLPPlan:
    settings = dict(hidden=[16, 8], dropout=0.1, learning_rate=0.01, weight_decay=0.01)
    settings |= dict(batch_size=16, max_epochs=60, patience=60)
    prompts = "words" if features == "similarity" else None
    return MLPPlan(
        recipe="mlp",
        backbone="clip",
        features=features,
        prompts=prompts,
        classes=classes,
        training=settings | training,
    )


@pytest.fixture
def files(tmp_path):
    """Embeddings as CLIP's are: all photos in a narrow cone, which the class moves a little."""
    rng = np.random.default_rng(0)
    split = pd.DataFrame({"image_id": [f"{i:03}" for i in range(120)]})
    split["label"] = [CLASSES[i % 3] for i in range(120)]
    split["subset"] = ["train"] * 90 + ["validation"] * 15 + ["test"] * 15
    embeddings = np.float32([1, 1, 1, 8]) + rng.normal(0, 0.05, (120, 4)).astype(np.float32)
    embeddings[np.arange(120), np.arange(120) % 3] += 0.2
    index = split[["image_id"]].sample(frac=1, random_state=1)
    np.save(tmp_path / "images.npy", 10 * embeddings[index.index])
    write_csv(index.assign(sha256="ab"), tmp_path / "images.csv")
    write_csv(split, tmp_path / "split.csv")
    np.save(tmp_path / "texts.npy", TEXTS)
    write_csv(pd.DataFrame({"class": CLASSES, "text": CLASSES}), tmp_path / "texts.csv")
    records.write(tmp_path / "weights.json", **FACTS)
    names = dict(embeddings="images.npy", index="images.csv", split="split.csv")
    names |= dict(texts="texts.npy", texts_index="texts.csv", record="weights.json")
    return {name: tmp_path / file for name, file in names.items()}


def rows(setup: jobs.Setup, files: dict, standardised=False) -> dict[str, np.ndarray]:
    """The inputs of each photo, by its id; standardised by the network where asked for."""
    parts = setup.parts(jobs.rows(files["split"], "holdout"))
    first = setup.network(parts["train"][0])[0] if standardised else nn.Identity()
    return {
        image_id: row
        for part, table in parts.values()
        for image_id, row in zip(table["image_id"], first(part.inputs).numpy(), strict=True)
    }


def normal(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.sqrt((vectors**2).sum(1, keepdims=True))


def test_embeddings_come_l2_normalised_and_belong_to_their_photos(files):
    found = rows(mlp.setup(plan("embedding"), files, CPU), files)
    ids, given = read_csv(files["index"])["image_id"], np.load(files["embeddings"])
    assert len(found) == 120
    for image_id, row in zip(ids, normal(given), strict=True):
        np.testing.assert_allclose(found[image_id], row, rtol=1e-6)


@pytest.fixture
def binary(files):
    """The files with the rows of two classes, as the split table of such a task has them."""
    split = read_csv(files["split"])
    write_csv(split[split["label"] != "walking_running"], files["split"])
    return files


def test_similarities_are_standardised_on_the_training_photos_alone(binary):
    set_up = mlp.setup(plan(classes=["standing", "sitting"]), binary, CPU)
    found = rows(set_up, binary, standardised=True)
    split, ids = read_csv(binary["split"]), read_csv(binary["index"])["image_id"]
    cosines = normal(np.load(binary["embeddings"])) @ normal(TEXTS).T
    wanted = pd.DataFrame(SCALE * cosines[:, [1, 0]], index=ids)
    seen = wanted.loc[split.loc[split["subset"] == "train", "image_id"]]
    wanted = (wanted - seen.mean()) / seen.std()
    for image_id, row in found.items():
        np.testing.assert_allclose(row, wanted.loc[image_id], atol=2e-4)


def test_a_similarity_that_never_changes_is_no_division_by_zero(files):
    np.save(files["embeddings"], np.tile(np.float32([[1, 2, 3, 4]]), (120, 1)))
    for row in rows(mlp.setup(plan(), files, CPU), files, standardised=True).values():
        assert np.isfinite(row).all()


@pytest.mark.parametrize("features", ["embedding", "similarity"])
def test_it_learns_and_is_no_constant_answer(tmp_path, files, features):
    folders = [tmp_path / f"activity3/clip/holdout/seed_{seed}" for seed in (0, 1)]
    given = {**files, "code": [files["record"]]}
    jobs.train_runs(mlp.setup, plan(features), given, folders, tmp_path / "u", "cpu", threads=1)
    for folder in folders:
        table = read_csv(folder / "predictions.csv")
        chosen = (
            table[[f"prob_{name}" for name in CLASSES]].idxmax(axis=1).str.removeprefix("prob_")
        )
        assert (chosen == table["label"]).mean() > 0.8
        assert set(table["subset"]) == set(SUBSETS) - {"train"}


def test_the_layers_are_those_asked_for():
    net = networks.mlp(512, [512, 256, 128], 3, 0.3)
    kinds = [nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Dropout] * 3 + [nn.Linear]
    assert [type(layer) for layer in net] == kinds
    assert [(layer.in_features, layer.out_features) for layer in net[::4]] == [
        (512, 512),
        (512, 256),
        (256, 128),
        (128, 3),
    ]
    assert {layer.p for layer in net[3::4]} == {0.3}
