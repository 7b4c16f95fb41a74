"""Runs of every recipe, loaded from what they have left and asked about packed photos."""

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

from stillact.core.tables import read_csv, write_csv
from stillact.models import embed
from stillact.models.backbones import base, loading
from stillact.recipes.asked import Asked
from stillact.recipes.fine_tune import setup as fine_tune
from stillact.recipes.from_scratch import setup as from_scratch
from stillact.recipes.mlp import setup as mlp
from stillact.recipes.setups import plan_of
from stillact.training import jobs, trained
from support import tiny_backbones

CLASSES = ["sitting", "standing", "walking_running"]
CPU = torch.device("cpu")
SIZE = tiny_backbones.SIZE
PROBABILITIES = [f"prob_{name}" for name in CLASSES]

SETTINGS = dict(learning_rate=0.01, weight_decay=0.01, batch_size=8, max_epochs=3, patience=3)
CNN = dict(type="cnn", channels=[4], hidden=6, batch_norm=True, dropout=0.2)
PIXELS = dict(size=SIZE, geometry="letterbox")
HEAD = dict(schedule="cosine", warmup=0.1, clip_norm=1.0)
LAYERS = dict(hidden=[16, 8], dropout=0.1)

RECIPES = {
    "from_scratch": (from_scratch, dict(network=CNN, matched=None), PIXELS),
    "fine_tune": (fine_tune, dict(backbone="tiny"), HEAD),
    "fine_tune_text": (fine_tune, dict(backbone="tiny", head="text", prompts="words"), HEAD),
    "embedding": (mlp, dict(backbone="tiny", features="embedding"), LAYERS),
    "similarity": (mlp, dict(backbone="tiny", features="similarity", prompts="words"), LAYERS),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A tiny CLIP; photos packed for it, of which a class is lighter; what it says of them."""
    folder = tmp_path_factory.mktemp("files")
    split, photos = tiny_backbones.photos(CLASSES, {"train": 21, "validation": 9, "test": 6})
    backbone = loading.from_record(tiny_backbones.record("open_clip", folder))
    rng = np.random.default_rng(0)
    np.save(folder / "photos.npy", photos)
    np.save(folder / "images.npy", embed.of_photos(backbone, photos))
    np.save(folder / "texts.npy", rng.normal(size=(3, backbone.embedding_width)).astype("f4"))
    write_csv(split[["image_id"]].assign(sha256="ab"), folder / "photos.csv")
    write_csv(pd.DataFrame({"class": CLASSES, "text": CLASSES}), folder / "texts.csv")
    write_csv(split, folder / "split.csv")
    names = dict(array="photos.npy", index="photos.csv", split="split.csv", record="weights.json")
    names |= dict(embeddings="images.npy", texts="texts.npy", texts_index="texts.csv")
    return {name: folder / file for name, file in names.items()}


@pytest.fixture(params=RECIPES)
def ran(request, tmp_path, files):
    """A recipe's setup, and the folders of two runs of it."""
    module, changes, settings = RECIPES[request.param]
    recipe = module.__name__.split(".")[-2]
    plan = plan_of(dict(recipe=recipe, classes=CLASSES, training=SETTINGS | settings, **changes))
    folders = [tmp_path / f"activity3/{request.param}/holdout/seed_{seed}" for seed in (4, 7)]
    given = {**files, "code": [files["split"]]}
    jobs.train_runs(module.setup, plan, given, folders, tmp_path / "unfinished", "cpu", threads=1)
    return module.setup(plan, files, CPU), folders


def test_a_loaded_run_answers_as_it_did(ran, files):
    setup, folders = ran
    runs = [trained.load(setup, folder / "weights.safetensors") for folder in folders]
    photos = torch.from_numpy(np.load(files["array"])).permute(0, 3, 1, 2)
    place = {name: i for i, name in enumerate(read_csv(files["index"])["image_id"])}
    for run, folder in zip(runs, folders, strict=True):  # loading one has not changed another
        predictions = read_csv(folder / "predictions.csv").query("subset == 'test'")
        rows = [place[name] for name in predictions["image_id"]]
        found = run.probabilities(photos[rows])
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, predictions[PROBABILITIES], rtol=0, atol=1e-6)


def test_models_on_the_same_features_embed_photos_once(files, tmp_path, monkeypatch):
    plans, given, alone = {}, {}, []
    photos = torch.from_numpy(np.load(files["array"])).permute(0, 3, 1, 2)
    for name in ("embedding", "similarity"):
        module, changes, settings = RECIPES[name]
        block = dict(recipe="mlp", classes=CLASSES, training=SETTINGS | settings, **changes)
        folders = [tmp_path / f"activity3/{name}/holdout/seed_{seed}" for seed in (4, 7)]
        unfinished = tmp_path / "unfinished"
        jobs.train_runs(module.setup, plan_of(block), files, folders, unfinished, "cpu", 1)
        weights = [folder / "weights.safetensors" for folder in folders]
        plans[name] = plan_of(block).model_dump()
        given |= {f"{name}__{key}": file for key, file in (files | {"weights": weights}).items()}
        setup = module.setup(plan_of(block), files, CPU)
        alone += [trained.load(setup, file).probabilities(photos) for file in weights]
    seen = []
    encode = base.Backbone.encode_image
    monkeypatch.setattr(
        base.Backbone,
        "encode_image",
        lambda self, images: seen.append(len(images)) or encode(self, images),
    )
    (runs,) = Asked.of(plans, given, CPU).runs()
    found = trained.of_runs([*runs.values()], photos)
    assert seen == [len(photos)]
    first, *_, last = (trained.frozen_backbone(run.setup, CPU) for run in runs.values())
    assert first is last  # as for members of an ensemble, which differ in their setups
    assert [(run.model, run.seed) for run in runs] == [
        (name, seed) for name in ("embedding", "similarity") for seed in (4, 7)
    ]
    np.testing.assert_array_equal(found, alone)


def test_many_photos_go_through_in_batches(ran, files, monkeypatch):
    setup, (folder, _) = ran
    run = trained.load(setup, folder / "weights.safetensors")
    photos = torch.from_numpy(np.load(files["array"])).permute(0, 3, 1, 2)
    expected = run.probabilities(photos)
    monkeypatch.setattr(trained, "BATCH", 16)
    np.testing.assert_allclose(run.probabilities(photos), expected, rtol=0, atol=1e-6)


def test_gradients_reach_the_photos(ran, files):
    setup, (folder, _) = ran
    run = trained.load(setup, folder / "weights.safetensors")
    photos = torch.from_numpy(np.load(files["array"])).permute(0, 3, 1, 2).float()
    photos.requires_grad_()
    run.network(
        setup.prepare(setup.inputs(photos, trained.frozen_backbone(setup, CPU)), False)
    ).amax(1).sum().backward()
    assert photos.grad.abs().sum() > 0


def test_weights_that_do_not_fit_are_named(ran):
    setup, (folder, _) = ran
    path = folder / "weights.safetensors"
    weights = load_file(path)
    del weights[next(name for name in weights if name.endswith("weight"))]
    save_file(weights, path)
    with pytest.raises(jobs.InputError, match=r"seed_4/weights\.safetensors: the weights do not"):
        trained.load(setup, path)


def test_test_photos_come_with_what_is_known_of_them(files, tmp_path):
    ids = [f"{i:02}" for i in range(36)][::-1]
    boxes = pd.DataFrame({"id": ids, "person_boxes": [f"{int(i)} 0 5 5" for i in ids]})
    write_csv(boxes, tmp_path / "people.csv")
    write_csv(pd.DataFrame({"id": ids, "width": 40, "height": 30}), tmp_path / "images.csv")
    named = {name: tmp_path / f"{name}.csv" for name in ("people", "images")}
    named |= {
        "photos": [files["array"]] * 2,
        "photos_index": files["index"],
        "split": files["split"],
    }
    pixels, photos = trained.test_photos(named, CLASSES)
    assert photos["image_id"].tolist() == [f"{i}" for i in range(30, 36)]
    assert photos["person_boxes"].tolist() == [f"{i} 0 5 5" for i in range(30, 36)]
    assert (photos["width"] == 40).all()
    packed = np.load(files["array"])[30:]
    assert pixels.shape[1] == 6
    for view in pixels.split(3, dim=1):
        np.testing.assert_array_equal(view.permute(0, 2, 3, 1), packed)
