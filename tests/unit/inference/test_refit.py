"""The deployed model, trained on all photos: against independent pipelines on the same photos."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegressionCV
from sklearn.model_selection import StratifiedKFold

from stillact.core.runs import ALL, Run
from stillact.core.tables import write_csv
from stillact.inference import refit
from stillact.models import embed, weights
from stillact.models.backbones import loading
from stillact.recipes.fine_tune.config import FineTunePlan
from stillact.recipes.from_scratch.config import FromScratchPlan
from stillact.recipes.linear_probe.config import LinearProbePlan
from stillact.recipes.mlp.config import MLPPlan
from stillact.recipes.prolip.config import ProLIPPlan
from stillact.recipes.seed_soup.config import SeedSoupPlan
from stillact.recipes.setups import setup_of
from stillact.recipes.tta.config import TTAPlan
from stillact.recipes.wise_ft.config import WiseFTPlan
from stillact.training import jobs, loop
from support import records, tiny_backbones

CLASSES = ["sitting", "standing"]
CNN = FromScratchPlan(
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
        max_epochs=9,
        patience=9,
    ),
)
CPU = torch.device("cpu")


@pytest.fixture
def folds():
    rows = pd.DataFrame({"image_id": [f"{i:02}" for i in range(24)]})
    rows["label"] = [CLASSES[i % 2] for i in range(24)]
    repeats = [rows.assign(repeat=r, fold=np.arange(24) // (r + 2) % 3) for r in (0, 1)]
    return pd.concat(repeats, ignore_index=True)


@pytest.fixture
def photos(tmp_path):
    rng = np.random.default_rng(0)
    array = rng.integers(0, 200, (24, 16, 16, 3), np.uint8)
    array[::2, ..., 0] += 40
    np.save(tmp_path / "pack.npy", array)
    write_csv(pd.DataFrame({"image_id": [f"{i:02}" for i in range(24)]}), tmp_path / "pack.csv")
    return dict(array=tmp_path / "pack.npy", index=tmp_path / "pack.csv")


def metas(folder, *chosen: dict) -> list:
    folder.mkdir(exist_ok=True)
    paths = []
    for place, one in enumerate(chosen):
        paths.append(folder / f"meta_{place}.json")
        records.run(chosen=one).write(paths[-1])
    return paths


def test_every_photo_is_a_training_photo_once(folds):
    rows = refit.rows_of_all(folds)
    assert sorted(rows["image_id"]) == sorted(folds["image_id"].unique())
    assert set(rows["subset"]) == {"train"}


def test_the_median_over_the_folds_is_a_value_that_occurs(tmp_path):
    paths = metas(tmp_path, {"epoch": 9, "alpha": 0.2}, {"epoch": 3}, {"epoch": 4}, {"epoch": 5})
    assert refit.chosen_in(paths) == {"epoch": 4, "alpha": 0.2}


def retrained(plan, files, rows, run, epochs):
    """The weights after a plain loop over the epochs, on all photos."""
    setup = setup_of(plan)(plan, files, CPU)
    part = setup.parts(rows)["train"][0]
    assert len(part.labels) == len(rows)
    torch.manual_seed(run.rng_seed("start"))
    network = setup.network(part)
    groups = setup.groups and setup.groups(network)
    steps = loop.Loop(network, plan.training, setup.prepare, groups, "fp32", setup.penalty)
    for epoch in range(1, epochs + 1):
        torch.manual_seed(run.rng_seed(f"epoch {epoch}"))
        steps.epoch(part, epoch)
    return network.state_dict()


def same(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


def test_a_network_is_trained_for_the_median_number_of_epochs_on_all_photos(
    tmp_path, folds, photos
):
    source = refit.Source(CNN, photos, metas(tmp_path, {"epoch": 3}, {"epoch": 7}, {"epoch": 4}))
    run, rows = Run("t", "cnn", ALL, 0), refit.rows_of_all(folds)
    made = refit.refit(source, run, rows, tmp_path / "out", tmp_path / "work", CPU)
    assert json.loads((made / "fitted.json").read_text())["chosen"] == {"epoch": 4}
    same(weights.read(made / jobs.WEIGHTS), retrained(CNN, photos, rows, run, 4))


def test_a_finished_refit_is_not_trained_again(tmp_path, folds, photos, monkeypatch):
    source = refit.Source(CNN, photos, metas(tmp_path, {"epoch": 2}))
    run, rows = Run("t", "cnn", ALL, 0), refit.rows_of_all(folds)
    first = refit.refit(source, run, rows, tmp_path / "a", tmp_path / "work", CPU)
    monkeypatch.setattr(jobs, "fitted", None)
    again = refit.refit(source, run, rows, tmp_path / "b", tmp_path / "work", CPU)
    assert (first / jobs.WEIGHTS).read_bytes() == (again / jobs.WEIGHTS).read_bytes()


@pytest.fixture
def embedded(tmp_path):
    """A tiny CLIP, and embeddings of 60 photos that say something of their class."""
    rng = np.random.default_rng(1)
    record = tiny_backbones.record("open_clip", tmp_path)
    width = json.loads(record.read_text())["facts"]["embedding_width"]
    labels = np.arange(60) % 2
    features = rng.normal(size=(60, width)) + 0.8 * labels[:, None] * rng.normal(size=width)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    np.save(tmp_path / "images.npy", features.astype("f4"))
    ids = [f"{i:02}" for i in range(60)]
    write_csv(pd.DataFrame({"image_id": ids}), tmp_path / "images.csv")
    rows = pd.DataFrame({"image_id": ids, "label": [CLASSES[code] for code in labels]})
    files = dict(embeddings=tmp_path / "images.npy", index=tmp_path / "images.csv", record=record)
    return files, rows.assign(repeat=0, fold=np.arange(60) % 5), features, labels


PROBE = LinearProbePlan(
    recipe="linear_probe",
    backbone="tiny",
    classes=CLASSES,
    training=dict(c=[0.1, 1.0, 10.0, 100.0], folds=5),
)


def test_a_probe_is_scikit_learns_on_all_photos(tmp_path, embedded):
    files, folds, features, labels = embedded
    source = refit.Source(PROBE, files, metas(tmp_path, {"c": 0.1}))
    made = refit.refit(
        source, Run("t", "probe", ALL, 0), refit.rows_of_all(folds), tmp_path / "o", tmp_path, CPU
    )
    found = weights.read(made / jobs.WEIGHTS)
    difference = (found["weight"][1] - found["weight"][0]).numpy()
    inner = StratifiedKFold(5, shuffle=True, random_state=0)
    reference = LogisticRegressionCV(
        Cs=PROBE.training.c, cv=inner, scoring="neg_log_loss", max_iter=5000, tol=1e-8
    ).fit(features, labels)
    c = json.loads((made / "fitted.json").read_text())["chosen"]["c"]
    assert c == pytest.approx(reference.C_[0])
    expected = reference.coef_[0]
    cosine = difference @ expected / np.linalg.norm(difference) / np.linalg.norm(expected)
    assert cosine > 0.999


def test_a_derived_model_is_made_from_a_refit_of_its_base(tmp_path, embedded):
    files, folds, _, _ = embedded
    base = refit.Source(PROBE, files, metas(tmp_path, {"c": 1.0}))
    np.save(tmp_path / "photos.npy", np.zeros((60, 32, 32, 3), np.uint8))
    views = files | dict(photos=tmp_path / "photos.npy", photos_index=files["index"])
    plan = TTAPlan(recipe="tta", of=PROBE, views=["whole", "flip"])
    source = refit.Source(plan, views, metas(tmp_path, {}), base)
    rows = refit.rows_of_all(folds)
    made = refit.refit(source, Run("t", "views", ALL, 0), rows, tmp_path / "o", tmp_path / "w", CPU)
    alone = refit.refit(base, Run("t", "x", ALL, 0), rows, tmp_path / "p", tmp_path / "v", CPU)
    found, expected = weights.read(made / jobs.WEIGHTS), weights.read(alone / jobs.WEIGHTS)
    assert torch.equal(found["model.weight"], expected["weight"])


EPOCHS = dict(learning_rate=0.01, weight_decay=0.1, batch_size=8, max_epochs=5, patience=5)
THREE = [*CLASSES, "walking_running"]
COMMON = dict(backbone="tiny", classes=THREE)
PLANS = {
    "mlp": MLPPlan(
        recipe="mlp",
        features="embedding",
        training=EPOCHS | dict(hidden=[8], dropout=0.1),
        **COMMON,
    ),
    "prolip": ProLIPPlan(
        recipe="prolip", prompts="words", training=EPOCHS | dict(penalty=1.0), **COMMON
    ),
    "random": FineTunePlan(
        recipe="fine_tune", head="random", training=EPOCHS | dict(head_learning_rate=0.1), **COMMON
    ),
    "text": FineTunePlan(
        recipe="fine_tune", head="text", prompts="words", training=EPOCHS, **COMMON
    ),
}


@pytest.fixture
def tower(tmp_path):
    """A tiny CLIP, its embeddings of 24 photos and of the classes' names, and the photos."""
    split, array = tiny_backbones.photos(THREE, {"train": 24})
    record = tiny_backbones.record("open_clip", tmp_path)
    backbone = loading.from_record(record)
    inputs = backbone.normalise(torch.from_numpy(array).permute(0, 3, 1, 2))
    with torch.no_grad():
        np.save(tmp_path / "images.npy", backbone.encode_image(inputs).numpy())
        np.save(tmp_path / "unprojected.npy", backbone.encode_unprojected(inputs).numpy())
    np.save(tmp_path / "projection.npy", backbone.projection)
    np.save(tmp_path / "photos.npy", array)
    np.save(tmp_path / "texts.npy", embed.of_texts(backbone, THREE))
    write_csv(split[["image_id"]].assign(sha256="ab"), tmp_path / "index.csv")
    write_csv(pd.DataFrame({"class": THREE, "text": THREE}), tmp_path / "texts.csv")
    names = dict(texts="texts.npy", texts_index="texts.csv", index="index.csv")
    files = {name: tmp_path / file for name, file in names.items()} | {"record": record}
    rows = refit.rows_of_all(split.drop(columns="subset").assign(repeat=0, fold=0))
    return files, rows, tmp_path


def reads(files, folder):
    """What setups read, of `tower`."""
    names = dict(array="photos.npy", embeddings="images.npy", features="unprojected.npy")
    names |= dict(projection="projection.npy")
    return files | {name: folder / file for name, file in names.items()}


@pytest.mark.parametrize("name", PLANS)
def test_every_recipe_of_epochs_is_a_plain_loop_on_all_photos(tower, name):
    files, rows, folder = tower
    plan, run = PLANS[name], Run("t", name, ALL, 0)
    files = reads(files, folder)
    source = refit.Source(plan, files, metas(folder, {"epoch": 3}, {"epoch": 2}, {"epoch": 5}))
    made = refit.refit(source, run, rows, folder / "out", folder / "work", CPU)
    same(weights.read(made / jobs.WEIGHTS), retrained(plan, files, rows, run, 3))


def test_interpolated_weights_lie_between_zero_shot_and_the_refit_base(tower):
    files, rows, folder = tower
    base = PLANS["text"]
    files, plan = (
        reads(files, folder),
        WiseFTPlan(recipe="wise_ft", of=base, training=dict(steps=4)),
    )
    of = refit.Source(base, files, metas(folder / "base", {"epoch": 2}))
    source = refit.Source(plan, files, metas(folder, {"alpha": 0.25}, {"alpha": 0.5}), of)
    run = Run("t", "wise", ALL, 0)
    made = refit.refit(source, run, rows, folder / "out", folder / "work", CPU)
    start = setup_of(base)(base, files, CPU).network(None).state_dict()
    end = retrained(base, files, rows, Run("t", "wise.base", ALL, 0), 2)
    expected = {name: 0.75 * start[name] + 0.25 * end[name] for name in start}
    same(weights.read(made / jobs.WEIGHTS), expected)


def test_a_soup_is_the_mean_of_refits_with_each_seed(tower):
    files, rows, folder = tower
    base = PLANS["random"]
    files = reads(files, folder)
    of = refit.Source(base, files, metas(folder / "base", {"epoch": 2}))
    plan = SeedSoupPlan(recipe="seed_soup", of=base)
    source = refit.Source(plan, files, metas(folder, {}), of, seeds=(0, 1, 2))
    made = refit.refit(source, Run("t", "soup", ALL, 0), rows, folder / "o", folder / "w", CPU)
    runs = [Run("t", "soup.base", ALL, seed) for seed in (0, 1, 2)]
    states = [retrained(base, files, rows, run, 2) for run in runs]
    for name, value in weights.read(made / jobs.WEIGHTS).items():
        expected = torch.stack([state[name].double() for state in states]).mean(0)
        torch.testing.assert_close(value.double(), expected, atol=1e-6, rtol=0)
