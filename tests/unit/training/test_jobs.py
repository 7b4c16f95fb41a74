import importlib.metadata
import json
import math
import multiprocessing
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from stillact.core.errors import InputError
from stillact.core.runs import Run
from stillact.core.tables import read_csv, write_csv
from stillact.models import networks
from stillact.recipes.from_scratch import setup as from_scratch
from stillact.recipes.from_scratch.config import FromScratchPlan
from stillact.training import jobs, loop, run_dirs

SIZE = 16
CLASSES = ["walking_running", "sitting", "standing"]
SUBSETS = ["train"] * 5 + ["validation"] * 2 + ["test"] * 2
RUNS = [Run("activity3", "cnn_gen", "holdout", seed) for seed in (4, 0, 7)]
BYTES = ("predictions.csv", "history.csv", "weights.safetensors")


def plan(**training) -> FromScratchPlan:
    settings = dict(size=SIZE, geometry="letterbox", learning_rate=0.003, weight_decay=0.01)
    settings |= dict(batch_size=6, max_epochs=3, patience=3)
    return FromScratchPlan(
        recipe="from_scratch",
        classes=CLASSES,
        training=settings | training,
        network=dict(type="cnn", channels=[4], hidden=6, batch_norm=True, dropout=0.2),
        matched=None,
        augment=[dict(name="horizontal_flip"), dict(name="rotation")],
    )


@pytest.fixture
def inputs(tmp_path) -> dict[str, Path | list[Path]]:
    """Photos whose first pixel is their number, in one order; the split table in another."""
    folder = tmp_path / "inputs"
    rng = np.random.default_rng(0)
    labels = [name for name in CLASSES for _ in SUBSETS]
    split = pd.DataFrame({"image_id": [f"{i:04}" for i in range(27)], "label": labels})
    split["subset"] = SUBSETS * 3
    index = split[["image_id"]].sample(frac=1, random_state=1)
    array = rng.integers(0, 256, (27, SIZE, SIZE, 3), np.uint8)
    array[:, 0, 0] = index["image_id"].astype(int).to_numpy()[:, None] + [0, 50, 100]
    write_csv(split.sample(frac=1, random_state=2), folder / "split.csv")
    write_csv(index.assign(sha256="ab"), folder / "index.csv")
    np.save(folder / "pack.npy", array)
    names = dict(array="pack.npy", index="index.csv", split="split.csv")
    return {name: folder / file for name, file in names.items()}


@pytest.fixture
def train(tmp_path, inputs):
    """Train runs into `results`; returns their folders."""

    def start(runs=RUNS, results="results", plan=plan(), inputs=inputs, threads=1, **options):  # noqa: B008
        folders = [tmp_path / results / str(run) for run in runs]
        unfinished = tmp_path / results / "unfinished"
        kept = not runs[0].split.startswith("cv_")
        jobs.train_runs(
            from_scratch.setup, plan, inputs, folders, unfinished, "cpu", threads, kept, **options
        )
        return folders

    return start


@pytest.fixture
def killed_at(monkeypatch):
    """Count the trainings that are begun, in a list of seeds; the n-th is killed."""

    def watch(n: int | None = None) -> list[int]:
        begun = []

        def train_one(run, *rest):
            begun.append(run.seed)
            if len(begun) == n:
                raise KeyboardInterrupt
            real(run, *rest)

        monkeypatch.setattr(jobs, "_train", train_one)
        return begun

    real = jobs._train
    return watch


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in BYTES}


def test_a_run_leaves_its_predictions(train, inputs):
    folder = train(RUNS[:1])[0]
    assert sorted(p.name for p in folder.iterdir()) == sorted(jobs.outputs(True))
    predictions = read_csv(folder / "predictions.csv")
    probabilities = [f"prob_{name}" for name in CLASSES]
    run = ["task", "model", "split", "seed"]
    assert predictions.columns.tolist() == [*run, "subset", "image_id", "label", *probabilities]
    assert predictions[run].drop_duplicates().values.tolist() == [
        ["activity3", "cnn_gen", "holdout", 4]
    ]
    split = read_csv(inputs["split"])
    expected = pd.concat([split[split.subset == name] for name in ("validation", "test")])
    rows = ["subset", "image_id", "label"]
    assert predictions[rows].values.tolist() == expected[rows].values.tolist()
    assert predictions[probabilities].to_numpy().min() >= 0
    assert np.abs(predictions[probabilities].sum(axis=1) - 1).max() < 3e-8  # 8 decimals each


def test_a_run_leaves_its_history(train):
    history = read_csv(train(RUNS[:1])[0] / "history.csv")
    assert history["epoch"].tolist() == [1, 2, 3]
    assert history.columns.tolist() == [
        "epoch",
        "train_loss",
        "train_accuracy",
        "validation_loss",
        "validation_accuracy",
    ]


def test_the_weights_give_the_predictions(train, inputs):
    folder = train(RUNS[:1])[0]
    network = networks.build(plan().network, None, SIZE, 3)
    network.load_state_dict(load_file(folder / "weights.safetensors"))
    predictions = read_csv(folder / "predictions.csv")
    place = {name: i for i, name in enumerate(read_csv(inputs["index"])["image_id"])}
    pixels = np.load(inputs["array"])[[place[name] for name in predictions["image_id"]]]
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    logits = loop.predict(network, images, lambda x, _: x.float() / 127.5 - 1)
    given = predictions[[f"prob_{name}" for name in CLASSES]].to_numpy()
    assert np.allclose(logits.double().softmax(1).numpy(), given, rtol=0, atol=1e-6)


def test_a_run_says_how_it_was_made(train):
    folder = train(RUNS[:1])[0]
    meta = json.loads((folder / "meta.json").read_text())
    weights = load_file(folder / "weights.safetensors")
    history = read_csv(folder / "history.csv")
    assert meta["run"] == dict(task="activity3", model="cnn_gen", split="holdout", seed=4)
    assert FromScratchPlan.model_validate(meta["config"]) == plan()
    assert meta["device"].startswith("cpu")
    assert meta["threads"] == 1
    assert meta["epochs"] == len(history)
    assert meta["chosen"] == {"epoch": history["validation_loss"].argmin() + 1}
    learnt = [name for name in weights if "running" not in name and "tracked" not in name]
    assert meta["parameters"] == sum(weights[name].numel() for name in learnt)
    assert meta["versions"]["torch"] == importlib.metadata.version("torch")
    assert meta["seconds"] > 0
    assert meta["peak_memory_mb"] > 50


def test_a_batch_of_runs_is_each_run_alone(train):
    together = train()
    alone = [train([run], "alone")[0] for run in reversed(RUNS)][::-1]
    for a, b in zip(together, alone, strict=True):
        assert contents(a) == contents(b)
    assert len({contents(folder)["weights.safetensors"] for folder in together}) == 3


def test_training_again_gives_the_same_bytes(train):
    first = contents(train(RUNS[:1])[0])
    assert contents(train(RUNS[:1], "again")[0]) == first  # elsewhere: what waits is not taken


def test_a_killed_job_trains_no_finished_run_twice(tmp_path, train, killed_at):
    expected = [contents(folder) for folder in train(results="whole")]
    killed_at(3)
    with pytest.raises(KeyboardInterrupt):
        train()
    results = tmp_path / "results"
    assert [p.name for p in results.iterdir()] == ["unfinished"]  # nothing to mistake for a result
    run_dirs.clear(results / "unfinished")  # another target has ended; these are no outputs yet
    begun = killed_at(None)
    folders = train()
    assert begun == [7]
    assert [contents(folder) for folder in folders] == expected
    run_dirs.clear(results / "unfinished")
    assert list((results / "unfinished").iterdir()) == []
    assert [contents(folder) for folder in folders] == expected


def test_a_job_killed_before_its_outputs_are_on_record_trains_nothing_again(train, killed_at):
    """As Snakemake does it: it removes the outputs of a job that it has not put on record."""
    folders = train()
    expected = [contents(folder) for folder in folders]
    for folder in folders:
        shutil.rmtree(folder)
    begun = killed_at(None)
    assert [contents(folder) for folder in train()] == expected
    assert begun == []


def train_when_told(inputs, folders, unfinished, arrived, begun, go_on):
    """In a process of its own: says that it has come to the lock, and that a training has begun;
    waits before it goes on."""
    real, locked = jobs._train, run_dirs.locked

    def lock(*args):
        arrived.set()
        return locked(*args)

    def train_one(*args):
        begun.set()
        go_on.wait(60)
        real(*args)

    jobs._train, run_dirs.locked = train_one, lock
    jobs.train_runs(from_scratch.setup, plan(), inputs, folders, unfinished, "cpu", 1)


def test_a_job_waits_for_one_that_trains_the_same_runs(tmp_path, train, inputs):
    """As when Snakemake was killed and started again, and its job lives on."""
    spawn = multiprocessing.get_context("spawn")  # after autograd has run there is no forking
    begun, go_on, arrived = spawn.Event(), spawn.Event(), [spawn.Event(), spawn.Event()]
    expected = [contents(folder) for folder in train(results="whole")]
    folders = [tmp_path / "results" / str(run) for run in RUNS]
    given = (inputs, folders, tmp_path / "results/unfinished")
    two = [spawn.Process(target=train_when_told, args=(*given, at, begun, go_on)) for at in arrived]
    two[0].start()
    assert begun.wait(60)
    two[1].start()
    assert arrived[1].wait(60)
    time.sleep(0.2)  # for it to wait there
    go_on.set()
    for job in two:
        job.join(120)
    assert [job.exitcode for job in two] == [0, 0]
    assert [contents(folder) for folder in folders] == expected


def test_clearing_up_may_be_killed(tmp_path, train, monkeypatch):
    def killed(folder):
        for name in jobs.outputs(True):
            (folder / name).unlink()
        raise KeyboardInterrupt

    train()
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            run_dirs.clear(tmp_path / "results/unfinished")
    expected = [contents(folder) for folder in train(results="whole")]
    assert [contents(folder) for folder in train()] == expected


def other_plan(inputs):
    return dict(plan=plan(learning_rate=0.004))


def other_code(inputs):
    return dict(code="two")


def other_threads(inputs):
    return dict(threads=2)


def other_split(inputs):
    write_csv(read_csv(inputs["split"]).iloc[::-1], inputs["split"])


def other_photo(inputs):
    write_csv(read_csv(inputs["index"]).assign(sha256="cd"), inputs["index"])


def other_pixels(inputs):
    np.save(inputs["array"], 255 - np.load(inputs["array"]))


@pytest.mark.parametrize(
    "change",
    [other_plan, other_code, other_threads, other_split, other_photo, other_pixels],
)
def test_what_was_made_from_something_else_is_not_taken(train, killed_at, inputs, change):
    killed_at(3)
    with pytest.raises(KeyboardInterrupt):
        train()
    changed = change(inputs) or {}
    begun = killed_at(None)
    folders = train(**changed)
    assert begun == [4, 0, 7]
    expected = train(results="whole", **changed)
    assert [contents(a) for a in folders] == [contents(a) for a in expected]


def test_a_checkpoint_of_something_else_is_not_gone_on_from(tmp_path, train, monkeypatch):
    monkeypatch.setattr(loop, "SAVE_EVERY_S", -1)
    monkeypatch.setattr(loop, "SAVE_SHARE", math.inf)
    save, saved = torch.save, []

    def killed_in_the_second(state, path):
        save(state, path)
        saved.append(path)
        if len(saved) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", killed_in_the_second)
    with pytest.raises(KeyboardInterrupt):
        train(RUNS[:1])
    assert len(list(tmp_path.glob("results/unfinished/**/checkpoint.pt"))) == 1
    monkeypatch.setattr(torch, "save", save)
    wider = plan().model_copy(update={"network": plan().network.model_copy(update={"hidden": 7})})
    folder = train(RUNS[:1], plan=wider)[0]
    assert contents(folder) == contents(train(RUNS[:1], "whole", wider)[0])


def test_the_same_folder_can_be_trained_into_again(train):
    first = train(RUNS[:1])[0]
    before = contents(first)
    after = contents(train(RUNS[:1], plan=plan(max_epochs=1))[0])
    assert after["history.csv"] != before["history.csv"]


def test_each_photo_goes_with_its_label(inputs):
    rows = jobs.rows(inputs["split"], "holdout")
    photos = np.load(inputs["array"])
    parts = jobs.load_parts(photos, inputs["index"], rows, CLASSES, torch.device("cpu"))
    assert [*parts] == ["train", "validation", "test"]
    for subset, (part, table) in parts.items():
        assert part.inputs.shape == (3 * SUBSETS.count(subset), 3, SIZE, SIZE)
        assert part.inputs.dtype == torch.uint8
        numbers = part.inputs[:, :, 0, 0].int() - torch.tensor([0, 50, 100])  # RGB, in order
        assert (numbers == numbers[:, :1]).all()
        assert numbers[:, 0].tolist() == table["image_id"].astype(int).tolist()
        assert part.labels.dtype == torch.int64
        assert part.labels.tolist() == [n // 9 for n in numbers[:, 0].tolist()]


@pytest.mark.parametrize("subset", ["train", "validation", "test"])
def test_a_subset_without_photos_is_named(train, inputs, subset):
    split = read_csv(inputs["split"])
    write_csv(split[split["subset"] != subset], inputs["split"])
    with pytest.raises(InputError, match=rf"split\.csv: no photo in the subset {subset}"):
        train()


@pytest.mark.parametrize("patience", [8, None])
def test_a_training_that_diverges_says_what_to_change(train, patience):
    with pytest.raises(InputError, match=r"seed_4: .* not a number; lower learning_rate \(now"):
        train(plan=plan(learning_rate=1e30, max_epochs=8, patience=patience))


def test_models_of_one_shape_start_alike_and_end_apart(train):
    """So that a difference between them is the augmentation's."""
    plain = plan().model_copy(update={"augment": []})
    runs = [RUNS[0], replace(RUNS[0], model="cnn_base")]
    same = [contents(train([run], plan=plain)[0]) for run in runs]
    assert same[0]["weights.safetensors"] == same[1]["weights.safetensors"]
    other = contents(train(runs[:1])[0])
    assert other["weights.safetensors"] != same[0]["weights.safetensors"]


@pytest.fixture
def folds(tmp_path) -> Path:
    """Two repeats of three folds over the 27 photos."""
    rows = pd.DataFrame({"image_id": [f"{i:04}" for i in range(27)] * 2})
    rows["label"] = [CLASSES[i % 27 // 9] for i in range(54)]
    rows["repeat"] = [0] * 27 + [1] * 27
    rows["fold"] = [i % 3 for i in range(27)] + [i // 3 % 3 for i in range(27)]
    write_csv(rows, tmp_path / "kfold.csv")
    return tmp_path / "kfold.csv"


def test_a_fold_is_tested_on_and_the_next_one_validates(folds):
    rows = jobs.rows(folds, "cv_1_2").set_index("image_id")["subset"]
    assert len(rows) == 27
    expected = ["validation", "train", "test"]  # folds 0, 1 and 2
    assert rows.tolist() == [expected[i // 3 % 3] for i in range(27)]
    assert jobs.rows(folds, "cv_0_0")["subset"].tolist() == ["test", "validation", "train"] * 9


def test_shuffled_labels_stay_within_their_subset_and_leave_the_test_alone(inputs):
    true = jobs.rows(inputs["split"], "holdout")
    made = jobs.rows(inputs["split"], "shuffled")
    assert made[["image_id", "subset"]].equals(true[["image_id", "subset"]])
    for subset, rows in true.groupby("subset"):
        labels = made.loc[rows.index, "label"]
        assert sorted(labels) == sorted(rows["label"])
        assert labels.equals(rows["label"]) == (subset == "test")


def test_every_photo_is_tested_once_a_repeat(folds):
    for repeat in (0, 1):
        tested = pd.concat([jobs.rows(folds, f"cv_{repeat}_{fold}") for fold in range(3)])
        tested = tested.loc[tested["subset"] == "test", "image_id"]
        assert sorted(tested) == [f"{i:04}" for i in range(27)]


def test_folds_in_one_process_are_each_fold_alone(train, inputs, folds):
    inputs = {**inputs, "split": folds}
    runs = [Run("activity3", "cnn_gen", f"cv_1_{fold}", 0) for fold in range(3)]
    together = train(runs, inputs=inputs)
    for run, folder in zip(runs, together, strict=True):
        assert sorted(p.name for p in folder.iterdir()) == sorted(jobs.OUTPUTS)  # no weights
        alone = train([run], "alone", inputs=inputs)[0]
        predictions = (folder / "predictions.csv").read_bytes()
        assert (alone / "predictions.csv").read_bytes() == predictions
    tables = [read_csv(folder / "predictions.csv") for folder in together]
    assert [set(table["split"]) for table in tables] == [{run.split} for run in runs]
    tested = pd.concat(tables).query("subset == 'test'")["image_id"]
    assert sorted(tested) == [f"{i:04}" for i in range(27)]
