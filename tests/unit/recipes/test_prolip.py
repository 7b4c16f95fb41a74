"""The projection of an image tower apart from the rest of it, and the recipe that trains it."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn.functional import cross_entropy

from stillact.config.backbones import Backbone
from stillact.core import arrays
from stillact.core.errors import InputError
from stillact.core.tables import read_csv, write_csv
from stillact.models import embed
from stillact.models.backbones import base, loading
from stillact.recipes.prolip import setup as prolip
from stillact.recipes.prolip.config import ProLIPPlan
from stillact.training import jobs, trained
from stillact.training import loop as training_loop
from support import records, tiny_backbones

CLASSES = ["sitting", "standing", "walking_running"]
CPU = torch.device("cpu")
SIZE = tiny_backbones.SIZE
TRAIN, VALIDATION, TEST = 21, 9, 6
PROBABILITIES = [f"prob_{name}" for name in CLASSES]
SCALE = 100.0


def around_timm(proj: str, bias: bool):
    """A CLIP of open_clip's around a ViT of timm's that pools by an average."""
    vision = dict(image_size=SIZE, timm_model_name="test_vit", timm_pool="avg", timm_proj=proj)
    return lambda folder: tiny_backbones._custom(folder, 20, vision | dict(timm_proj_bias=bias))


PROJECTED = {
    name: tiny_backbones.EVERY[name]
    for name in ("open_clip", "open_clip_pooler", "transformers_clip")
}
PROJECTED |= {
    "trunk_linear": around_timm("linear", False),
    "trunk_linear_bias": around_timm("linear", True),
    "trunk_classifier": around_timm("", False),  # timm's own classifier, which has a bias
}
OTHERS = sorted(tiny_backbones.EVERY.keys() - PROJECTED.keys())


def load(made, folder) -> base.Backbone:
    folder.mkdir()
    torch.manual_seed(7)
    block = Backbone(**made(folder), weights=str(folder))
    return loading.load(block, folder)


def pixels(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, SIZE, SIZE, 3), np.uint8)


@torch.no_grad()
def before(name: str, tower: torch.nn.Module, images: torch.Tensor) -> torch.Tensor:
    """What the library's own projection gets, with a 1 behind it where that has a bias."""
    if name == "transformers_clip":
        return tower.tower(images).pooler_output
    if name.startswith("open_clip"):
        tower.proj = None
        return tower(images)
    if name == "trunk_classifier":
        tower.trunk.reset_classifier(0)
    found = tower.trunk(images)
    return found if name == "trunk_linear" else torch.nn.functional.pad(found, (0, 1), value=1)


@pytest.mark.parametrize("name", PROJECTED)
def test_an_embedding_is_the_unprojected_one_times_the_projection(tmp_path, name):
    backbone = load(PROJECTED[name], tmp_path / "backbone")
    images = backbone.normalise(torch.from_numpy(pixels(4)).permute(0, 3, 1, 2))
    state = {key: tensor.clone() for key, tensor in backbone.state_dict().items()}
    with torch.inference_mode():
        embeddings, found = backbone.encode_image(images), backbone.encode_unprojected(images)
    assert backbone.projects
    assert found.shape[1] == len(backbone.projection) > 0
    assert embeddings.std() > 0.01
    torch.testing.assert_close(found @ backbone.projection, embeddings, atol=1e-5, rtol=0)
    assert all(torch.equal(state[key], t) for key, t in backbone.state_dict().items())
    torch.testing.assert_close(found, before(name, backbone.image, images), atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", OTHERS)
def test_a_tower_without_a_projection_says_so(tmp_path, name):
    backbone = load(tiny_backbones.EVERY[name], tmp_path / "backbone")
    assert not backbone.projects
    assert not loading.facts(backbone)["projects"]
    with pytest.raises(InputError, match="no projection; train another recipe"):
        backbone.encode_unprojected(torch.zeros(1, 3, SIZE, SIZE))
    with pytest.raises(InputError, match="no projection; train another recipe"):
        embed.of_photos(backbone, pixels(1), projected=False)


def test_a_record_without_a_projection_is_told_before_anything_is_loaded(tmp_path):
    record = tmp_path / "weights.json"
    records.write(record, "siglip2", projects=False)
    with pytest.raises(InputError, match=r"backbones\.siglip2 has no projection.*linear_probe"):
        embed.require_projection(record)
    records.write(record, "siglip2")
    embed.require_projection(record)


def plan(**changes) -> ProLIPPlan:
    settings = dict(penalty=1.0, learning_rate=0.01, weight_decay=0.0, batch_size=8)
    settings |= dict(max_epochs=20, patience=20) | changes
    return ProLIPPlan(
        recipe="prolip", backbone="tiny", prompts="words", classes=CLASSES, training=settings
    )


@pytest.fixture(scope="module", params=["open_clip", "trunk_linear_bias"])
def study(request, tmp_path_factory):
    """A tiny CLIP, photos of which a class is lighter, and the files that the rules make of them.

    Returns:
        the backbone, the photos (packed; in the order of the index), and the files.
    """
    folder = tmp_path_factory.mktemp("study")
    backbone = load(PROJECTED[request.param], folder / "clip")
    split = pd.DataFrame({"image_id": [f"{i:02}" for i in range(36)]})
    split["label"] = [CLASSES[i % 3] for i in range(36)]
    split["subset"] = ["train"] * TRAIN + ["validation"] * VALIDATION + ["test"] * TEST
    photos = pixels(36) // 2
    photos[np.arange(36), :, :, np.arange(36) % 3] += 60
    index = split[["image_id"]].sample(frac=1, random_state=1)
    photos = photos[index.index]
    block = dict(loader="open_clip", name="local-dir:", folder=str(folder / "clip"))
    record = dict(backbone="tiny", **block, facts=records.FACTS | {"logit_scale": SCALE})
    (folder / "weights.json").write_text(json.dumps(record))
    arrays.save(embed.of_photos(backbone, photos, projected=False), folder / "unprojected.npy")
    arrays.save(backbone.projection.numpy(), folder / "projection.npy")
    texts = np.random.default_rng(1).normal(size=(3, backbone.embedding_width))
    np.save(folder / "texts.npy", texts.astype("f4"))
    write_csv(index.assign(sha256="ab"), folder / "photos.csv")
    write_csv(pd.DataFrame({"class": CLASSES, "text": CLASSES}), folder / "texts.csv")
    write_csv(split, folder / "split.csv")
    names = dict(features="unprojected.npy", projection="projection.npy", index="photos.csv")
    names |= dict(texts="texts.npy", texts_index="texts.csv", record="weights.json")
    names |= dict(split="split.csv")
    files = {name: folder / file for name, file in names.items()}
    return backbone, torch.from_numpy(photos).permute(0, 3, 1, 2), files


@torch.no_grad()
def zero_shot(backbone, photos, files) -> torch.Tensor:
    """Cosine similarities times the logit scale, by the backbone itself."""
    embeddings = backbone.encode_image(backbone.normalise(photos))
    texts = torch.from_numpy(np.load(files["texts"]))
    return SCALE * torch.cosine_similarity(embeddings[:, None], texts[None], dim=2)


def of_subset(photos, files, subset) -> torch.Tensor:
    split = read_csv(files["split"]).query("subset == @subset")
    place = {name: i for i, name in enumerate(read_csv(files["index"])["image_id"])}
    return photos[[place[name] for name in split["image_id"]]]


def test_untrained_it_is_the_zero_shot_classifier(study):
    backbone, photos, files = study
    set_up = prolip.setup(plan(), files, CPU)
    parts = set_up.parts(jobs.rows(files["split"], "holdout"))
    network = set_up.network(parts["train"][0])
    for subset in ("train", "test"):
        expected = zero_shot(backbone, of_subset(photos, files, subset), files)
        found = training_loop.predict(network, parts[subset][0].inputs, set_up.prepare)
        assert expected.std() > 0.1
        torch.testing.assert_close(found, expected, atol=1e-3, rtol=0)
    assert set_up.penalty(network) == 0
    assert [name for name, _ in network.named_parameters()] == ["matrix"]


def test_the_gradient_is_that_of_the_papers_loss(study):
    """Cross-entropy plus penalty / (photos a class) times the squared distance, written out."""
    _, _, files = study
    set_up = prolip.setup(plan(penalty=3.0), files, CPU)
    part, _ = set_up.parts(jobs.rows(files["split"], "holdout"))["train"]
    network = set_up.network(part)
    start = torch.from_numpy(np.load(files["projection"]))
    torch.manual_seed(0)
    moved = start + 0.05 * torch.randn_like(start)
    network.matrix.data.copy_(moved)
    loop = training_loop.Loop(
        network, plan().training, set_up.prepare, None, "fp32", set_up.penalty
    )
    loop._gradients(part.inputs, part.labels)

    matrix = moved.double().requires_grad_()
    embeddings = part.inputs.double() @ matrix
    texts = torch.from_numpy(np.load(files["texts"])).double()
    cosines = torch.cosine_similarity(embeddings[:, None], texts[None], dim=2)
    loss = cross_entropy(SCALE * cosines, part.labels)
    (loss + 3.0 / (TRAIN / 3) * ((matrix - start) ** 2).sum()).backward()
    assert matrix.grad.abs().max() > 0.1
    torch.testing.assert_close(network.matrix.grad, matrix.grad.float(), atol=1e-3, rtol=1e-3)


def trained_with(study, tmp_path, **changes):
    """The setup, a run trained with it, and its predictions."""
    _, _, files = study
    folder = tmp_path / "activity3/clip_prolip/holdout/seed_0"
    given = {**files, "code": [files["split"]]}
    asked = plan(**changes)
    jobs.train_runs(prolip.setup, asked, given, [folder], tmp_path / "u", "cpu", threads=1)
    set_up = prolip.setup(asked, files, CPU)
    run = trained.load(set_up, folder / "weights.safetensors")
    return run, read_csv(folder / "predictions.csv"), read_csv(folder / "history.csv")


def test_it_learns_and_a_large_penalty_keeps_it_at_zero_shot(study, tmp_path):
    backbone, photos, files = study
    free, predictions, history = trained_with(study, tmp_path / "free", penalty=0.0)
    chosen = predictions[PROBABILITIES].idxmax(axis=1).str.removeprefix("prob_")
    assert (chosen == predictions["label"]).mean() > 0.8
    assert history["train_loss"].iloc[-1] < history["train_loss"].iloc[0] / 2

    held, predictions, _ = trained_with(study, tmp_path / "held", penalty=1e6, learning_rate=1e-5)
    assert held.network.distance() < 1e-4 * free.network.distance()
    found = predictions.query("subset == 'test'")[PROBABILITIES]
    expected = zero_shot(backbone, of_subset(photos, files, "test"), files).softmax(1)
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.02)


def test_a_loaded_run_answers_new_photos_as_it_did(study, tmp_path):
    _, photos, files = study
    run, predictions, _ = trained_with(study, tmp_path)
    found = run.probabilities(of_subset(photos, files, "test"))
    expected = predictions.query("subset == 'test'")[PROBABILITIES]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)
