"""Probes and MLPs on several views of a photo and on mirror images, against NumPy by hand."""

from pathlib import Path

import numpy as np
import pytest
import torch

from stillact.config.training import packed_view
from stillact.core import arrays
from stillact.core.tables import read_csv, write_csv
from stillact.models import embed
from stillact.models.backbones import loading
from stillact.recipes.setups import plan_of, setup_of
from stillact.training import jobs, trained
from support import tiny_backbones

CLASSES = ["sitting", "standing", "walking_running"]
CPU = torch.device("cpu")
SUBSETS = {"train": 24, "validation": 9, "test": 9}
COUNT = sum(SUBSETS.values())
VIEWS = ("whole", "letterbox", "person")
SEES = [["person"], ["whole", "person"], ["letterbox", "person", "whole"]]

LOOP = dict(learning_rate=0.01, weight_decay=0.01, batch_size=8, max_epochs=2, patience=2)
MLP = dict(features="embedding", training=LOOP | dict(hidden=[8], dropout=0.1))
MODELS = {
    "linear_probe": dict(training=dict(c=[1.0, 100.0], folds=3)),
    "mlp": MLP,
}


def plan(recipe: str, sees: list[str], mirror: bool, **more):
    block = dict(recipe=recipe, backbone="tiny", classes=CLASSES, sees=sees, mirror=mirror)
    return plan_of(block | MODELS[recipe] | more)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A study's folder on a tiny CLIP: photos packed in every view, and their embeddings, in
    another order than the rows of the split."""
    folder = tmp_path_factory.mktemp("study")
    packed, embedded = folder / "results/backbones/tiny", folder / "results/embeddings/tiny"
    for place in (packed / "views", embedded / "views"):
        place.mkdir(parents=True)
    backbone = loading.from_record(tiny_backbones.record("open_clip", packed))
    split, photos = tiny_backbones.photos(CLASSES, SUBSETS, darkest=120)
    write_csv(split, folder / "split.csv")
    index = split[["image_id"]].sample(frac=1, random_state=1)
    rng = np.random.default_rng(1)
    for view in VIEWS:
        noise = rng.integers(0, 90, photos.shape, np.uint8)
        made = (photos + noise)[index.index]
        np.save(folder / packed_view("tiny", view), made)
        name = "images" if view == "whole" else f"views/{view}"
        arrays.save(embed.of_photos(backbone, made), embedded / f"{name}.npy")
        arrays.save(embed.of_photos(backbone, made), embedded / f"views/{view}.npy")
        arrays.save(embed.with_mirror(backbone, made), embedded / f"views/{view}_mirror.npy")
    for place in (packed / "photos.csv", embedded / "images.csv"):
        write_csv(index.assign(sha256="ab"), place)
    texts = rng.normal(size=(3, backbone.embedding_width)).astype(np.float32)
    np.save(embedded / "texts_words.npy", texts)
    write_csv(embed.text_table({name: [name] for name in CLASSES}), embedded / "texts_words.csv")
    return folder


def files_of(plan, folder: Path) -> dict[str, Path]:
    """The files that a plan says it reads."""
    return {name: folder / file for name, file in plan.reads().items()}


def by_hand(folder: Path, sees: list[str], mirror: bool) -> dict[str, np.ndarray]:
    """The features of each photo by its id, from the backbone itself."""
    backbone = loading.from_record(folder / "results/backbones/tiny/weights.json")

    def normal(vectors: np.ndarray) -> np.ndarray:
        return vectors / np.sqrt((vectors.astype(float) ** 2).sum(1, keepdims=True))

    def embedded(photos: np.ndarray) -> np.ndarray:
        pixels = torch.from_numpy(photos.copy()).permute(0, 3, 1, 2)
        with torch.no_grad():
            return normal(backbone.encode_image(backbone.normalise(pixels)).numpy())

    parts = []
    for view in sees:
        photos = np.load(folder / packed_view("tiny", view))
        part = embedded(photos)
        if mirror:
            part = normal((part + embedded(np.flip(photos, axis=2))) / 2)
        parts.append(part)
    ids = read_csv(folder / "results/backbones/tiny/photos.csv")["image_id"]
    return dict(zip(ids, normal(np.concatenate(parts, 1)), strict=True))


def trained_by(plan, folder: Path, place: Path):
    """A run: loaded, and its predictions by image."""
    files = files_of(plan, folder)
    run = place / "activity3/tiny/holdout/seed_3"
    given = {**files, "split": folder / "split.csv", "code": [folder / "split.csv"]}
    jobs.train_runs(setup_of(plan), plan, given, [run], place / "unfinished", "cpu", threads=1)
    loaded = trained.load(setup_of(plan)(plan, files, CPU), run / "weights.safetensors")
    return loaded, read_csv(run / "predictions.csv").set_index("image_id").filter(like="prob_")


def packed(folder: Path, sees: list[str], ids) -> list[torch.Tensor]:
    """The views of the photos with these ids, as a model takes new photos."""
    index = read_csv(folder / "results/backbones/tiny/photos.csv")["image_id"].tolist()
    rows = [index.index(name) for name in ids]
    views = [np.load(folder / packed_view("tiny", view))[rows] for view in sees]
    return [torch.from_numpy(photos).permute(0, 3, 1, 2) for photos in views]


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("sees", [["whole"], *SEES])
@pytest.mark.parametrize("recipe", MODELS)
def test_features_are_embeddings_side_by_side(folder, recipe, sees, mirror):
    made = plan(recipe, sees, mirror)
    set_up = setup_of(made)(made, files_of(made, folder), CPU)
    expected = by_hand(folder, sees, mirror)
    found = set_up.parts(jobs.rows(folder / "split.csv", "holdout"))
    assert sum(len(table) for _, table in found.values()) == COUNT
    for part, table in found.values():
        wanted = np.stack([expected[name] for name in table["image_id"]])
        assert part.inputs.dtype == torch.float32
        np.testing.assert_allclose(part.inputs, wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("sees", [["whole"], *SEES])
@pytest.mark.parametrize("recipe", MODELS)
def test_new_photos_are_predicted_as_those_of_the_study(folder, tmp_path, recipe, sees, mirror):
    loaded, found = trained_by(plan(recipe, sees, mirror), folder, tmp_path)
    assert [how.region for how in loaded.sees] == [
        "person" if view == "person" else "photo" for view in sees
    ]
    assert [how.geometry == "letterbox" for how in loaded.sees] == [v == "letterbox" for v in sees]
    views = packed(folder, sees, found.index)
    new = loaded.probabilities(*views)
    np.testing.assert_allclose(new, found, rtol=0, atol=1e-5)
    assert found.std().min() > 1e-3

    mirrored = loaded.probabilities(*(view.flip(3) for view in views))
    difference = np.abs(mirrored - new).max()
    assert difference < 1e-6 if mirror else difference > 1e-4


def test_each_view_has_its_own_place(folder, tmp_path):
    """Views exchanged are other photos."""
    loaded, found = trained_by(plan("linear_probe", ["whole", "person"], False), folder, tmp_path)
    views = packed(folder, ["person", "whole"], found.index)
    assert np.abs(loaded.probabilities(*views) - found).to_numpy().max() > 1e-3


def test_similarities_are_of_one_view_and_its_mirror_image(folder, tmp_path):
    similarity = dict(features="similarity", prompts="words")
    made = plan("mlp", ["person"], True, **similarity)
    loaded, found = trained_by(made, folder, tmp_path)
    views = packed(folder, ["person"], found.index)
    for seen in (views, [view.flip(3) for view in views]):
        np.testing.assert_allclose(loaded.probabilities(*seen), found, rtol=0, atol=1e-5)


def test_files_of_the_views():
    folder, index = "results/embeddings/tiny", "results/backbones/tiny/photos.csv"
    record = {"record": "results/backbones/tiny/weights.json"}
    assert plan("linear_probe", ["whole"], False).reads() == record | {
        "embeddings": f"{folder}/images.npy",
        "index": f"{folder}/images.csv",
    }
    both = plan("linear_probe", ["person", "whole"], True)
    assert both.reads() == record | {
        "embeddings_person": f"{folder}/views/person_mirror.npy",
        "embeddings_whole": f"{folder}/views/whole_mirror.npy",
        "index": index,
    }
    assert list(both.reads())[1:3] == ["embeddings_person", "embeddings_whole"]  # in this order
    photos = ["results/backbones/tiny/views/person.npy", "results/backbones/tiny/photos.npy"]
    assert both.photos() == (photos, index)
    assert both.looks_at_people
    assert not plan("mlp", ["letterbox"], True).looks_at_people
