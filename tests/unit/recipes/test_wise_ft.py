"""Weights between two runs, and the mean of several: made of runs of tiny fine-tuned models."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy

from stillact.core.tables import read_csv, write_csv
from stillact.models import embed
from stillact.models.backbones import loading
from stillact.recipes.fine_tune import setup as fine_tune
from stillact.recipes.fine_tune.config import FineTunePlan
from stillact.recipes.seed_soup import setup as seed_soup
from stillact.recipes.seed_soup.config import SeedSoupPlan
from stillact.recipes.wise_ft import setup as wise_ft
from stillact.recipes.wise_ft.config import WiseFTPlan
from stillact.training import jobs
from stillact.training import loop as training_loop
from support import tiny_backbones

CLASSES = ["sitting", "standing", "walking_running"]
CPU = torch.device("cpu")
TRAINING = dict(learning_rate=0.003, weight_decay=0.1, batch_size=8, max_epochs=4, patience=4)
BASE = FineTunePlan(
    recipe="fine_tune",
    backbone="tiny",
    head="text",
    prompts="words",
    classes=CLASSES,
    training=TRAINING,
)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """What the base's setup reads, and the weights of its runs with two seeds."""
    folder = tmp_path_factory.mktemp("files")
    split, photos = tiny_backbones.photos(CLASSES, {"train": 18, "validation": 9, "test": 9})
    backbone = loading.from_record(tiny_backbones.record("open_clip", folder))
    np.save(folder / "photos.npy", photos)
    np.save(folder / "texts.npy", embed.of_texts(backbone, CLASSES))
    write_csv(split[["image_id"]].assign(sha256="ab"), folder / "photos.csv")
    write_csv(pd.DataFrame({"class": CLASSES, "text": CLASSES}), folder / "texts.csv")
    write_csv(split, folder / "split.csv")
    names = dict(array="photos.npy", index="photos.csv", split="split.csv", record="weights.json")
    names |= dict(texts="texts.npy", texts_index="texts.csv")
    files = {name: folder / file for name, file in names.items()} | {"code": [folder / "split.csv"]}
    runs = [folder / f"activity3/base/holdout/seed_{seed}" for seed in (0, 1)]
    jobs.train_runs(fine_tune.setup, BASE, files, runs, folder / "unfinished", "cpu", 1)
    return files | {"weights": [run / "weights.safetensors" for run in runs]}


def made(recipe, plan, files, tmp_path, seed=0):
    run = tmp_path / f"activity3/made/holdout/seed_{seed}"
    jobs.train_runs(recipe.setup, plan, files, [run], tmp_path / "unfinished", "cpu", 1)
    return run


def losses(files, states) -> list[float]:
    """The validation loss of each state, by a plain forward pass."""
    set_up = fine_tune.setup(BASE, files, CPU)
    part, _ = set_up.parts(jobs.rows(files["split"], "holdout"))["validation"]
    network = set_up.network(None).eval()
    found = []
    for state in states:
        network.load_state_dict(state)
        with torch.no_grad():
            logits = network(set_up.prepare(part.inputs, False))
        found.append(cross_entropy(logits, part.labels).item())
    return found


def test_the_ends_are_the_two_models_exactly(files):
    start = fine_tune.setup(BASE, files, CPU).network(None).state_dict()
    end = load_file(files["weights"][1])
    for alpha, expected in ((0.0, start), (1.0, end)):
        found = wise_ft.between(start, end, alpha)
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[name], expected[name]) for name in found)
    half = wise_ft.between(start, end, 0.5)["head.weight"]
    torch.testing.assert_close(half, (start["head.weight"] + end["head.weight"]) / 2)


@pytest.mark.parametrize("seed", [0, 1])
def test_alpha_is_the_one_with_the_lowest_validation_loss(files, tmp_path, seed):
    plan = WiseFTPlan(recipe="wise_ft", of=BASE, training=dict(steps=4))
    run = made(wise_ft, plan, files, tmp_path, seed)
    start = {
        k: v.clone()
        for k, v in fine_tune.setup(BASE, files, CPU).network(None).state_dict().items()
    }
    end = load_file(files["weights"][seed])
    alphas = [0, 0.25, 0.5, 0.75, 1]
    states = [{k: (1 - a) * start[k] + a * end[k] for k in start} for a in alphas]
    expected, history = losses(files, states), read_csv(run / "history.csv")
    np.testing.assert_allclose(history["validation_loss"], expected, rtol=1e-5)
    assert history["alpha"].tolist() == alphas
    chosen = json.loads((run / "meta.json").read_text())["chosen"]["alpha"]
    assert chosen == alphas[int(np.argmin(expected))]
    weights = load_file(run / "weights.safetensors")
    best = states[alphas.index(chosen)]
    assert all(torch.equal(weights[name], best[name]) for name in best)


def test_a_soup_of_one_seed_is_that_seed(files, tmp_path):
    one = files | {"weights": files["weights"][:1]}
    run = made(seed_soup, SeedSoupPlan(recipe="seed_soup", of=BASE), one, tmp_path)
    found, expected = load_file(run / "weights.safetensors"), load_file(files["weights"][0])
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    base = read_csv(files["weights"][0].parent / "predictions.csv").drop(columns="model")
    pd.testing.assert_frame_equal(read_csv(run / "predictions.csv").drop(columns="model"), base)


def test_a_soup_is_the_mean_of_the_seeds_weights(files, tmp_path):
    run = made(seed_soup, SeedSoupPlan(recipe="seed_soup", of=BASE), files, tmp_path)
    found = load_file(run / "weights.safetensors")
    ends = [load_file(path) for path in files["weights"]]
    for name, tensor in found.items():
        expected = np.mean([end[name].double().numpy() for end in ends], axis=0)
        np.testing.assert_allclose(tensor, expected, rtol=1e-6, atol=1e-9)
    (loss,) = losses(files, [found])
    assert read_csv(run / "history.csv")["validation_loss"][0] == pytest.approx(loss, rel=1e-5)


def test_weights_are_those_of_the_same_split_and_seed(files):
    run = jobs.Run("activity3", "made", "holdout", 1)
    assert jobs.weights_of(files["weights"], run) == files["weights"][1]


def test_a_penalty_is_added_to_every_step():
    """With nothing but the penalty to gain by, weights go to where it is least."""
    network = torch.nn.Linear(2, 2, bias=False)
    settings = FineTunePlan.model_validate(
        BASE.model_dump()
        | {
            "training": TRAINING
            | {"learning_rate": 0.05, "weight_decay": 0.0, "max_epochs": 200, "patience": 200}
        }
    ).training
    part = training_loop.LabelledInputs(torch.zeros(8, 2), torch.arange(8) % 2)
    loop = training_loop.Loop(
        network, settings, lambda x, _: x, None, "fp32", lambda net: ((net.weight - 3) ** 2).sum()
    )
    for number in range(1, 201):
        told = loop.epoch(part, number)
    torch.testing.assert_close(network.weight.data, torch.full((2, 2), 3.0), atol=1e-2, rtol=0)
    assert told["train_loss"] == pytest.approx(np.log(2))
