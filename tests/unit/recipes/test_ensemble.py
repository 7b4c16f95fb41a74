"""Ensembles, against means by hand and scikit-learn's logistic regression."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import load_file
from scipy.stats import gmean
from sklearn.linear_model import LogisticRegression
from torch import nn

from stillact.config.training import LinearProbe
from stillact.core.tables import read_csv, write_csv
from stillact.data.preprocessing import Preprocessing
from stillact.recipes.ensemble import runs, vote
from stillact.recipes.ensemble import setup as ensembles
from stillact.recipes.ensemble.config import EnsemblePlan
from stillact.training import trained
from stillact.training.jobs import Setup
from stillact.training.trained import Trained

CLASSES = ["walking", "sitting", "standing"]
COLUMNS = [f"prob_{name}" for name in CLASSES]
SETTINGS = LinearProbe(c=[0.01, 0.1, 1.0], folds=3)
MEMBERS = ("scene", "pose")


def some(photos: int, seed: int = 0, sharpness: float = 2.0) -> np.ndarray:
    """Probabilities (photos, 2 members, 3 classes)."""
    logits = sharpness * np.random.default_rng(seed).normal(size=(photos, 2, 3))
    return np.exp(logits) / np.exp(logits).sum(2, keepdims=True)


def plan(combine: str = "mean") -> EnsemblePlan:
    member = dict(recipe="linear_probe", backbone="b", classes=CLASSES, training=SETTINGS)
    block = dict(recipe="ensemble", combine=combine, training=SETTINGS)
    return EnsemblePlan.model_validate(block | {"members": dict.fromkeys(MEMBERS, member)})


def table(ids, labels, probabilities, subset="test", **more) -> pd.DataFrame:
    frame = pd.DataFrame({"subset": subset, "image_id": ids, "label": labels, **more})
    return pd.concat([frame, pd.DataFrame(probabilities, columns=COLUMNS)], axis=1)


def test_the_mean_is_the_geometric_one():
    given = some(20)
    expected = gmean(given, axis=1)
    expected /= expected.sum(1, keepdims=True)
    found = vote.mean(2, 3).probabilities(given)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_probability_of_0_is_no_veto_without_end():
    """In the tables a probability below 5e-9 is a 0."""
    given = np.array([[[0.0, 0.6, 0.4], [0.9, 0.05, 0.05]]])
    found = vote.mean(2, 3).probabilities(given)
    expected = np.sqrt(np.array([5e-9 * 0.9, 0.6 * 0.05, 0.4 * 0.05]))
    np.testing.assert_allclose(found[0], expected / expected.sum(), rtol=1e-12)


def test_a_stack_is_scikit_learns_regression_on_log_probabilities():
    given = some(90)
    labels = np.random.default_rng(1).integers(0, 3, 90)
    made = vote.stack(given, labels, SETTINGS)
    features = np.log(given).reshape(90, 6)
    own = LogisticRegression(C=made.chosen["c"], tol=1e-10, max_iter=10_000, solver="newton-cg")
    expected = own.fit(features, labels).predict_proba(features)
    np.testing.assert_allclose(made.probabilities(given), expected, atol=1e-6)
    assert [row["c"] for row in made.history] == SETTINGS.c


def study(folder: Path, leaking: bool, seed: int = 0, photos: int = 150) -> dict[str, dict]:
    """Predictions of two members in five folds: `pose` knows something, `scene` nothing.

    In training, scene has learnt its photos by heart. With `leaking`, the predictions for the other
    folds' photos, which the stack is fitted on, are those of training; else out-of-fold ones.
    """
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, photos)
    by_heart = np.eye(3)[labels] * 0.97 + 0.01
    guess = rng.dirichlet(np.ones(3), photos)
    knows = 0.35 * np.eye(3)[labels] + 0.65 * rng.dirichlet(np.ones(3) * 3, photos)
    fold = np.arange(photos) % 5
    names, ids = np.array(CLASSES)[labels], [f"p{i:03}" for i in range(photos)]
    files = {}
    for member in MEMBERS:
        files[member] = {}
        for test in range(5):
            place = folder / f"t/{member}/cv_0_{test}/seed_0/predictions.csv"
            rows = np.flatnonzero(fold == test)
            answers = knows if member == "pose" else by_heart if leaking else guess
            own = table(np.array(ids)[rows], names[rows], answers[rows].round(8))
            place.parent.mkdir(parents=True)
            write_csv(own, place)
            files[member][test] = place
    return {
        "files": files,
        "tested": {test: np.flatnonzero(fold == test) for test in range(5)},
        "guess": guess,
        "knows": knows,
        "labels": labels,
    }


def test_a_stack_trusts_what_members_know_of_photos_they_were_not_trained_on(tmp_path):
    """A member that has learnt its training photos by heart fools a stack that sees its predictions
    for them, and not one that sees out-of-fold predictions."""
    accuracy = {}
    for leaking in (True, False):
        made = study(tmp_path / str(leaking), leaking)
        right = []
        for test, rows in made["tested"].items():
            tables = {
                member: pd.concat([read_csv(file) for file in files.values()])
                for member, files in made["files"].items()
            }
            tested = {f"p{i:03}" for i in rows}
            combine = vote.of_run("stack", CLASSES, tables, tested, SETTINGS, 2)
            new = np.stack([made["guess"][rows], made["knows"][rows]], 1)  # of photos not seen
            right.append(combine.probabilities(new).argmax(1) == made["labels"][rows])
            assert test in range(5)
        accuracy[leaking] = np.concatenate(right).mean()
    alone = (made["knows"].argmax(1) == made["labels"]).mean()
    assert accuracy[False] > alone - 0.05, accuracy
    assert accuracy[True] < accuracy[False] - 0.2, accuracy


def test_a_stack_does_not_see_the_labels_of_its_test_photos(tmp_path):
    """Other labels of the test photos change nothing."""
    made = study(tmp_path, leaking=False)
    tables = {
        member: pd.concat([read_csv(file) for file in files.values()], ignore_index=True)
        for member, files in made["files"].items()
    }
    tested = {f"p{i:03}" for i in made["tested"][0]}
    votes = [vote.of_run("stack", CLASSES, tables, tested, SETTINGS, 2)]
    for frame in tables.values():
        theirs = frame["image_id"].isin(tested)
        frame.loc[theirs, "label"] = "walking"
    votes.append(vote.of_run("stack", CLASSES, tables, tested, SETTINGS, 2))
    np.testing.assert_array_equal(votes[0].weight, votes[1].weight)


def test_a_run_has_the_files_of_a_trained_one(tmp_path):
    given = some(6)
    ids, labels = list("abcdef"), CLASSES * 2
    subset = ["validation"] * 2 + ["test"] * 4
    answers = {}
    for place, member in enumerate(MEMBERS):
        order = np.argsort(ids)[:: 1 if place else -1]  # the rows of the members in another order
        own = table(ids, labels, given[:, place].round(8), subset).iloc[order]
        answers[member] = tmp_path / f"{member}.csv"
        write_csv(own, answers[member])
    folder = tmp_path / "t/both/holdout/seed_3"
    folder.mkdir(parents=True)
    runs.combine_run(plan(), folder, answers, None)
    found = read_csv(folder / "predictions.csv").set_index("image_id").loc[ids]
    expected = np.sqrt(given.round(8).prod(1))
    expected /= expected.sum(1, keepdims=True)
    np.testing.assert_allclose(found[COLUMNS], expected, atol=6e-9)
    assert found["label"].tolist() == labels
    assert found["subset"].tolist() == subset
    assert set(found["model"]) == {"both"}
    assert set(found["seed"]) == {3}
    meta = json.loads((folder / "meta.json").read_text())
    assert meta["parameters"] == 0  # nothing is fitted
    assert load_file(folder / "weights.safetensors")["weight"].shape == (3, 6)
    assert (folder / "history.csv").exists()


def test_members_of_other_photos_are_an_error():
    tables = [table(list("ab"), CLASSES[:2], some(2)[:, 0]) for _ in range(2)]
    tables[1].loc[1, "image_id"] = "c"
    with pytest.raises(ValueError, match="different photos"):
        vote.probabilities(tables, CLASSES)


def test_corrupted_photos_are_combined_by_run_and_version(tmp_path):
    rng = np.random.default_rng(2)
    tables, ids = [], [f"p{i}" for i in range(4)]
    for member, seeds in (("scene", (0, 1)), ("pose", (0,))):  # one run for all seeds
        parts = []
        for seed in seeds:
            for corruption in ("clean", "fog"):
                own = table(ids, ["walking"] * 4, rng.dirichlet(np.ones(3), 4))
                own.insert(0, "model", member)
                own.insert(1, "seed", seed)
                own.insert(5, "corruption", corruption)
                parts.append(own)
        tables.append(pd.concat(parts, ignore_index=True))
    tables[1] = tables[1][::-1].drop(index=0)  # the person of p0 is not in this member's view
    weights = {}
    for seed in (0, 1):
        folder = tmp_path / f"t/both/holdout/seed_{seed}"
        folder.mkdir(parents=True)
        given = {}
        for member in MEMBERS:
            given[member] = tmp_path / f"{member}.csv"
            write_csv(table(["x"], ["walking"], [[0.2, 0.3, 0.5]]), given[member])
        runs.combine_run(plan(), folder, given, None)
        weights[seed] = folder / "weights.safetensors"
    found = runs.combine_table(plan(), "both", tables, weights)
    assert list(found) == list(tables[0])
    assert set(found["model"]) == {"both"}
    assert found.groupby(["seed", "corruption"]).size().to_dict() == {
        (0, "clean"): 3,
        (0, "fog"): 4,
        (1, "clean"): 3,
        (1, "fog"): 4,
    }
    keys = ["seed", "corruption", "image_id"]
    row = found.set_index(keys).loc[(1, "fog", "p2"), COLUMNS].to_numpy(float)
    first = tables[0].set_index(keys).loc[(1, "fog", "p2"), COLUMNS].to_numpy(float)
    second = tables[1].set_index(keys).loc[(0, "fog", "p2"), COLUMNS].to_numpy(float)
    expected = np.sqrt(first * second)
    np.testing.assert_allclose(row, expected / expected.sum(), atol=6e-9)


def member(seed: int, *sees: Preprocessing) -> Trained:
    torch.manual_seed(seed)

    def inputs(photos: torch.Tensor, _) -> torch.Tensor:
        return photos.float().mean((2, 3)) / 255

    setup = Setup(None, None, lambda given, training: given, inputs, sees)
    return Trained(nn.Linear(3 * len(sees), 3), setup)


def test_a_deployed_ensemble_sees_each_view_once_and_combines_its_members():
    whole = Preprocessing(8, "resize_crop")
    person, around = whole.view("person"), Preprocessing(12, "letterbox").view("around")
    members = member(0, whole, person), member(1, around), member(2, person)
    combine = vote.mean(3, 3)
    parts = [torch.from_numpy(part) for part in (combine.weight, combine.bias)]
    used = ensembles.Ensemble(members, ensembles.Combine(*parts))
    assert used.sees == (whole, person, around)
    photos = [
        torch.randint(0, 256, (5, 3, how.size, how.size), dtype=torch.uint8) for how in used.sees
    ]
    own = [
        members[0].probabilities(photos[0], photos[1]),
        members[1].probabilities(photos[2]),
        members[2].probabilities(photos[1]),
    ]
    expected = gmean(np.stack(own), axis=0)
    expected /= expected.sum(1, keepdims=True)
    np.testing.assert_allclose(used.probabilities(*photos), expected, rtol=1e-9)


def test_members_on_the_same_features_are_computed_once(monkeypatch):
    whole, calls = Preprocessing(8, "resize_crop"), []
    monkeypatch.setattr(trained, "frozen_backbone", lambda setup, device: calls.append(setup))
    alone = [member(seed, whole) for seed in range(3)]
    shared = [dataclasses.replace(one, shared="clip/whole") for one in alone[:2]]
    combine = ensembles.Combine(*map(torch.from_numpy, (vote.mean(3, 3).weight, np.zeros(3))))
    photos = torch.randint(0, 256, (5, 3, 8, 8), dtype=torch.uint8)
    expected = ensembles.Ensemble(tuple(alone), combine).probabilities(photos)
    assert len(calls) == 3
    made = ensembles.Ensemble((shared[0], alone[2], shared[1]), combine).probabilities(photos)
    assert len(calls) == 3 + 2
    np.testing.assert_allclose(made, expected, rtol=1e-12)


def test_the_tensors_of_an_ensemble_are_put_together_and_taken_apart():
    members = [{"weight": torch.ones(1)}, {"0.weight": torch.zeros(2), "vote": torch.ones(3)}]
    combined = ensembles.together(members, {"bias": torch.zeros(1)})
    assert set(combined) == {"0.weight", "1.0.weight", "1.vote", "vote.bias"}
    found = ensembles.apart(combined, 2)
    assert [set(one) for one in found] == [{"weight"}, {"0.weight", "vote"}, {"bias"}]
