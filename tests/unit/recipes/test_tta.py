"""Models asked about several views of a photo, of runs of every recipe on a tiny CLIP."""

import functools

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import log_softmax, softmax

from stillact.core import arrays
from stillact.core.tables import read_csv, write_csv
from stillact.models import embed
from stillact.models.backbones import loading
from stillact.recipes.fine_tune import setup as fine_tune
from stillact.recipes.linear_probe import setup as linear_probe
from stillact.recipes.mlp import setup as mlp
from stillact.recipes.prolip import setup as prolip
from stillact.recipes.setups import plan_of
from stillact.recipes.tta import setup as tta
from stillact.recipes.zero_shot import setup as zero_shot
from stillact.training import jobs, trained
from support import tiny_backbones

CLASSES = ["sitting", "standing", "walking_running"]
CPU = torch.device("cpu")
SIZE = tiny_backbones.SIZE
COUNT = 36
PROBABILITIES = [f"prob_{name}" for name in CLASSES]

SETTINGS = dict(learning_rate=0.01, weight_decay=0.01, batch_size=8, max_epochs=2, patience=2)
BASES = {
    "fine_tune": (fine_tune, dict(training=SETTINGS)),
    "mlp": (mlp, dict(features="embedding", training=SETTINGS | dict(hidden=[8], dropout=0.1))),
    "zero_shot": (zero_shot, dict(prompts="words")),
    "linear_probe": (linear_probe, dict(training=dict(c=[1.0, 100.0], folds=3))),
    "prolip": (prolip, dict(prompts="words", training=SETTINGS | dict(penalty=1.0))),
}


def of(recipe: str) -> dict:
    """The plan of a model that views are taken with, as a mapping."""
    return dict(recipe=recipe, backbone="tiny", classes=CLASSES, **BASES[recipe][1])


def plan(recipe: str, *wanted: str):
    return plan_of(dict(recipe="tta", of=of(recipe), views=list(wanted)))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The files of a study on a tiny CLIP, of which every second photo is its own mirror image;
    views of them; and the table of the split, whose photos are in another order."""
    folder = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(0)
    split = pd.DataFrame({"image_id": [f"{i:02}" for i in range(COUNT)]})
    split["label"] = [CLASSES[i % 3] for i in range(COUNT)]
    split["subset"] = ["train"] * 18 + ["validation"] * 9 + ["test"] * 9
    index = split[["image_id"]].sample(frac=1, random_state=1)
    made = {}
    for view in ("whole", "letterbox", "person"):
        photos = rng.integers(0, 256, (COUNT, SIZE, SIZE, 3), np.uint8)
        if view == "whole":
            photos[::2, :, SIZE // 2 :] = photos[::2, :, : SIZE // 2][:, :, ::-1]
        np.save(folder / f"{view}.npy", photos[index.index])
        made[view] = photos[index.index]
    backbone = loading.from_record(tiny_backbones.record("open_clip", folder))
    arrays.save(embed.of_photos(backbone, made["whole"]), folder / "images.npy")
    unprojected = embed.of_photos(backbone, made["whole"], projected=False)
    arrays.save(unprojected, folder / "unprojected.npy")
    arrays.save(backbone.projection.numpy(), folder / "projection.npy")
    np.save(folder / "texts.npy", rng.normal(size=(3, backbone.embedding_width)).astype("f4"))
    write_csv(index.assign(sha256="ab"), folder / "index.csv")
    write_csv(pd.DataFrame({"class": CLASSES, "text": CLASSES}), folder / "texts.csv")
    write_csv(split, folder / "split.csv")
    folds = split.drop(columns="subset").assign(repeat=0, fold=[i // 3 % 3 for i in range(COUNT)])
    write_csv(folds, folder / "folds.csv")
    names = dict(array="whole.npy", index="index.csv", split="split.csv", record="weights.json")
    names |= dict(embeddings="images.npy", texts="texts.npy", texts_index="texts.csv")
    names |= dict(features="unprojected.npy", projection="projection.npy")
    names |= dict(whole="whole.npy", packed_index="index.csv")
    names |= dict(letterbox="letterbox.npy", person="person.npy")
    return {name: folder / file for name, file in names.items()}


@pytest.fixture(scope="module")
def base(files, tmp_path_factory):
    """By the name of a recipe the folders of two of its runs, trained once."""

    @functools.cache
    def runs(recipe: str, split: str = "holdout") -> list:
        place = tmp_path_factory.mktemp(recipe)
        folders = [place / f"activity3/base/{split}/seed_{seed}" for seed in (4, 7)]
        table = files["split"] if split == "holdout" else files["split"].with_name("folds.csv")
        given = {**files, "split": table, "code": [files["split"]]}
        module = BASES[recipe][0]
        made = plan_of(of(recipe))
        jobs.train_runs(module.setup, made, given, folders, place / "u", "cpu", threads=1)
        return folders

    return runs


def asked(files, base, tmp_path, recipe: str, *wanted: str, split="holdout"):
    """The folders of two runs of views, beside those that they are made of."""
    folders = [tmp_path / f"activity3/views/{split}/seed_{seed}" for seed in (4, 7)]
    weights = [folder / "weights.safetensors" for folder in base(recipe, split)]
    table = files["split"] if split == "holdout" else files["split"].with_name("folds.csv")
    given = {**files, "split": table, "weights": weights[::-1], "code": [files["split"]]}
    made = plan(recipe, *wanted)
    jobs.train_runs(tta.setup, made, given, folders, tmp_path / "u", "cpu", threads=1)
    return list(zip(folders, base(recipe, split), strict=True))


def predictions(folder) -> pd.DataFrame:
    return read_csv(folder / "predictions.csv")


@pytest.mark.parametrize("recipe", BASES)
def test_the_whole_photo_alone_is_the_model_itself(files, base, tmp_path, recipe):
    pairs = asked(files, base, tmp_path, recipe, "whole")
    for made, of_model in pairs:
        table, same = predictions(made), predictions(of_model)
        assert table["model"].unique() == ["views"]
        pd.testing.assert_frame_equal(
            table.drop(columns="model"), same.drop(columns="model"), check_exact=True
        )
    if recipe in ("fine_tune", "mlp"):  # each has the weights of its own seed
        first, second = (predictions(made)[PROBABILITIES] for made, _ in pairs)
        assert not np.allclose(first, second)


def test_a_fold_has_the_weights_of_its_fold(files, base, tmp_path):
    for made, of_model in asked(files, base, tmp_path, "mlp", "whole", split="cv_0_1"):
        pd.testing.assert_frame_equal(
            predictions(made).drop(columns="model"), predictions(of_model).drop(columns="model")
        )


@pytest.mark.parametrize("recipe", BASES)
def test_a_photo_that_is_its_own_mirror_image_looks_the_same_flipped(files, base, tmp_path, recipe):
    for made, of_model in asked(files, base, tmp_path, recipe, "whole", "flip"):
        table, whole = predictions(made), predictions(of_model)
        difference = (table[PROBABILITIES] - whole[PROBABILITIES]).abs().max(axis=1)
        own = table["image_id"].astype(int) % 2 == 0
        assert own.any()
        assert difference[own].max() < 1e-4
        assert difference[~own].max() > 1e-4


def logits_of(recipe, files, folder, photos) -> np.ndarray:
    """Of photos (in the order of the index) by the model itself, one run; up to a constant."""
    set_up = BASES[recipe][0].setup(plan_of(of(recipe)), files, CPU)
    run = trained.load(set_up, folder / "weights.safetensors")
    return np.log(run.probabilities(torch.from_numpy(photos).permute(0, 3, 1, 2)))


@pytest.mark.parametrize("recipe", ["fine_tune", "prolip", "linear_probe"])
def test_logits_are_averaged_over_views_and_each_is_judged_alone(files, base, tmp_path, recipe):
    wanted = ("person", "whole", "letterbox", "flip")
    places = {name: i for i, name in enumerate(read_csv(files["index"])["image_id"])}
    shown = {view: np.load(files[view]) for view in ("person", "letterbox")}
    shown |= {"whole": np.load(files["whole"]), "flip": np.load(files["whole"])[:, :, ::-1]}
    for made, of_model in asked(files, base, tmp_path, recipe, *wanted):
        table = predictions(made)
        rows = [places[name] for name in table["image_id"]]
        logits = {
            view: logits_of(recipe, files, of_model, np.ascontiguousarray(shown[view]))[rows]
            for view in wanted
        }
        mean = np.mean(list(logits.values()), axis=0)
        np.testing.assert_allclose(table[PROBABILITIES], softmax(mean, 1), rtol=0, atol=2e-4)

        history = read_csv(made / "history.csv")
        assert history["view"].tolist() == [*wanted, "mean"]
        validation = (table["subset"] == "validation").to_numpy()
        truth = table["label"].map(CLASSES.index)[validation].to_numpy()
        for row, scores in zip(history.itertuples(), [*logits.values(), mean], strict=True):
            told = log_softmax(scores[validation], 1)
            loss = -told[np.arange(len(truth)), truth].mean()
            assert row.validation_loss == pytest.approx(loss, abs=1e-3)
            assert row.validation_accuracy == pytest.approx((told.argmax(1) == truth).mean())


@pytest.mark.parametrize("views", [("whole", "flip"), ("flip", "person", "letterbox")])
def test_new_photos_are_predicted_as_those_of_the_study(views, files, base, tmp_path):
    ((made, _), _) = asked(files, base, tmp_path, "linear_probe", *views)
    set_up = tta.setup(plan("linear_probe", *views), files, CPU)
    run = trained.load(set_up, made / "weights.safetensors")
    table = predictions(made).query("subset == 'test'")
    places = {name: i for i, name in enumerate(read_csv(files["index"])["image_id"])}
    rows = [places[name] for name in table["image_id"]]
    names = ["whole", *(view for view in ("letterbox", "person") if view in views)]
    assert [how.region for how in set_up.sees] == [
        "person" if name == "person" else "photo" for name in names
    ]
    assert ("letterbox" in names) == any(how.geometry == "letterbox" for how in set_up.sees)
    packed = (torch.from_numpy(np.load(files[name])[rows]).permute(0, 3, 1, 2) for name in names)
    found = run.probabilities(*packed)
    np.testing.assert_allclose(found, table[PROBABILITIES], rtol=0, atol=1e-5)


def test_a_backbone_sees_a_few_photos_at_a_time(files, monkeypatch):
    monkeypatch.setattr(tta, "BATCH", 4)
    set_up = tta.setup(plan("zero_shot", "flip", "person"), files, CPU)
    rows = jobs.rows(files["split"], "holdout")
    found = set_up.parts(rows)
    monkeypatch.setattr(tta, "BATCH", 1000)
    for subset, (part, _) in set_up.parts(rows).items():
        torch.testing.assert_close(found[subset][0].inputs, part.inputs, atol=1e-5, rtol=0)
