"""The recipe pose on BlazePose itself, against scikit-learn's pipeline."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stillact.config.backbones import Backbone
from stillact.config.training import LinearProbe
from stillact.core import arrays
from stillact.core.tables import read_csv, write_csv
from stillact.data.preprocessing import Preprocessing
from stillact.models import embed
from stillact.models import pose as features_of
from stillact.models.backbones import loading
from stillact.recipes.pose import setup as pose
from stillact.recipes.pose.config import PosePlan
from stillact.training import jobs, trained

CLASSES = ["sitting", "standing", "walking_running"]
CPU = torch.device("cpu")
SUBSETS = {"train": 30, "validation": 6, "test": 6}
COUNT = sum(SUBSETS.values())


def plan(classes: list[str] = CLASSES) -> PosePlan:
    training = LinearProbe(c=[0.1, 1.0, 10.0], folds=3)
    return PosePlan(recipe="pose", backbone="blazepose", classes=classes, training=training)


def crops() -> np.ndarray:
    """Smooth random colours, uint8 (photos, 256, 256, 3), of which a class has one in its middle,
    so that there is something to learn."""
    rng = np.random.default_rng(0)
    coarse = torch.from_numpy(rng.uniform(0, 1, (COUNT, 3, 9, 9)))
    coarse[np.arange(COUNT), np.arange(COUNT) % 3, 3:6, 2:7] = 1
    smooth = torch.nn.functional.interpolate(coarse, size=(256, 256), mode="bicubic").clamp(0, 1)
    return (255 * smooth).to(torch.uint8).permute(0, 2, 3, 1).numpy()


@pytest.fixture(scope="module")
def files(blazepose, tmp_path_factory) -> dict[str, Path]:
    """BlazePose, packed crops in another order than the split's rows, and their joints."""
    folder = tmp_path_factory.mktemp("files")
    block = dict(loader="blazepose", name="pose_landmark_full")
    weights = blazepose / "pose_landmark_full.tflite"
    backbone = loading.load(Backbone(**block, weights=str(weights)), weights)
    record = dict(backbone="blazepose", folder=str(weights), facts=loading.facts(backbone))
    (folder / "weights.json").write_text(json.dumps(record | block))
    split = pd.DataFrame({"image_id": [f"{i:02}" for i in range(COUNT)]})
    split["label"] = [CLASSES[i % 3] for i in range(COUNT)]
    split["subset"] = [name for name, count in SUBSETS.items() for _ in range(count)]
    index = split[["image_id"]].sample(frac=1, random_state=1)
    packed = crops()[index.index]
    np.save(folder / "around.npy", packed)
    arrays.save(embed.of_photos(backbone, packed), folder / "joints.npy")
    write_csv(index.assign(sha256="ab"), folder / "index.csv")
    write_csv(split, folder / "split.csv")
    names = dict(embeddings_around="joints.npy", index="index.csv", split="split.csv")
    names |= dict(record="weights.json", photos="around.npy")
    return {name: folder / file for name, file in names.items()}


def trained_by(plan: PosePlan, files: dict[str, Path], folder: Path) -> tuple[Path, pd.DataFrame]:
    """A run: its folder, and its predictions by image."""
    run = folder / "activity3/pose/holdout/seed_0"
    given = {**files, "code": [files["split"]]}
    jobs.train_runs(pose.setup, plan, given, [run], folder / "unfinished", "cpu", threads=1)
    return run, read_csv(run / "predictions.csv").set_index("image_id")


def in_order(files: dict[str, Path], ids: pd.Series) -> list[int]:
    """The rows of the packed photos with these ids."""
    places = {name: i for i, name in enumerate(read_csv(files["index"])["image_id"])}
    return [places[name] for name in ids]


@pytest.mark.parametrize("classes", [CLASSES, ["standing", "sitting"]])
def test_it_is_scikit_learns_pipeline(files, tmp_path, classes):
    split = read_csv(files["split"])
    split = split[split["label"].isin(classes)]
    write_csv(split, tmp_path / "split.csv")
    run, found = trained_by(plan(classes), {**files, "split": tmp_path / "split.csv"}, tmp_path)
    (c,) = json.loads((run / "meta.json").read_text())["chosen"].values()
    assert c in plan().training.c

    joints = torch.from_numpy(np.load(files["embeddings_around"]))
    given = features_of.features(joints).numpy().astype(float)
    train = split[split["subset"] == "train"]
    # The features are scaled to a sample deviation of 1, StandardScaler's to one of the population:
    # a factor, which the strength of the penalty makes up for.
    of_sample = c * (len(train) - 1) / len(train)
    expected = make_pipeline(
        StandardScaler(), LogisticRegression(C=of_sample, tol=1e-9, max_iter=100_000)
    )
    labels = [classes.index(label) for label in train["label"]]
    expected.fit(given[in_order(files, train["image_id"])], labels)
    wanted = expected.predict_proba(given[in_order(files, found.index)])
    probabilities = found[[f"prob_{name}" for name in classes]]
    np.testing.assert_allclose(probabilities, wanted, rtol=0, atol=1e-6)
    assert probabilities.to_numpy().max() > 0.5


def test_new_photos_are_predicted_as_those_of_the_study(files, tmp_path):
    run, found = trained_by(plan(), files, tmp_path)
    set_up = pose.setup(plan(), files, CPU)
    loaded = trained.load(set_up, run / "weights.safetensors")
    assert loaded.sees == (Preprocessing(256, "letterbox", "bicubic", 1.0, "around"),)
    packed = np.load(files["photos"])[in_order(files, found.index)]
    new = loaded.probabilities(torch.from_numpy(packed).permute(0, 3, 1, 2))
    np.testing.assert_allclose(new, found.filter(like="prob_"), rtol=0, atol=1e-5)


def test_it_reads_the_joints_of_the_square_around_the_person():
    made = plan()
    assert made.looks_at_people
    assert made.reads() == {
        "record": "results/backbones/blazepose/weights.json",
        "embeddings_around": "results/embeddings/blazepose/views/around.npy",
        "index": "results/backbones/blazepose/photos.csv",
    }
    photos = ["results/backbones/blazepose/views/around.npy"]
    assert made.photos() == (photos, "results/backbones/blazepose/photos.csv")
