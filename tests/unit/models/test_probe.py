"""Linear probes and zero-shot classifiers, against scikit-learn and open_clip themselves."""

import json

import numpy as np
import open_clip
import pytest
import torch
from sklearn.linear_model import LogisticRegressionCV
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

from stillact.config.training import LinearProbe
from stillact.core.errors import InputError
from stillact.core.tables import read_csv, write_csv
from stillact.models import embed, probe
from stillact.models.backbones import loading
from stillact.recipes.linear_probe import setup as linear_probe
from stillact.recipes.linear_probe.config import LinearProbePlan
from stillact.recipes.zero_shot import setup as zero_shot
from stillact.recipes.zero_shot.config import ZeroShotPlan
from stillact.training import jobs, trained
from support import tiny_backbones

CLASSES = ["sitting", "standing", "walking_running"]
WORDS = {"sitting": ["a seat", "sits"], "standing": ["stands"], "walking_running": ["walks"]}
SETTINGS = LinearProbe(c=[0.1, 1, 10, 100], folds=4)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A tiny CLIP, photos packed for it, of which a class is lighter, and what it makes of them."""
    folder = tmp_path_factory.mktemp("files")
    counts = {"train": 36, "validation": 12, "test": 12}
    split, photos = tiny_backbones.photos(CLASSES, counts, darkest=120, lighter=12)
    backbone = loading.from_record(tiny_backbones.record("open_clip", folder))
    table = embed.text_table(WORDS)
    np.save(folder / "photos.npy", photos)
    np.save(folder / "images.npy", embed.of_photos(backbone, photos))
    np.save(folder / "texts.npy", embed.of_texts(backbone, table["text"].tolist()))
    write_csv(split[["image_id"]].assign(sha256="ab"), folder / "images.csv")
    write_csv(table, folder / "texts.csv")
    write_csv(split, folder / "split.csv")
    names = dict(embeddings="images.npy", index="images.csv", split="split.csv")
    names |= dict(texts="texts.npy", texts_index="texts.csv", record="weights.json")
    return {name: folder / file for name, file in names.items()}


def trained_by(recipe, plan, files, folder, split="holdout"):
    """A run of a recipe: its folder, and its test predictions by image."""
    run = folder / f"activity3/tiny/{recipe.__name__}/{split}/seed_0"
    given = {**files, "code": [files["split"]]}
    of = recipe.setup, plan, given, [run], folder / "unfinished", "cpu"
    jobs.train_runs(*of, threads=1)
    told = read_csv(run / "predictions.csv").query("subset == 'test'").set_index("image_id")
    return run, told.filter(like="prob_")


def pipeline(folds=4):
    """Scikit-learn's own: normalise, and choose C by the log loss on the folds."""
    return make_pipeline(
        Normalizer(),
        LogisticRegressionCV(
            Cs=SETTINGS.c,
            cv=StratifiedKFold(folds, shuffle=True, random_state=0),
            scoring="neg_log_loss",
            tol=1e-8,
            max_iter=10_000,
            use_legacy_attributes=False,
        ),
    )


@pytest.mark.parametrize("classes", [CLASSES, ["standing", "walking_running"]])
def test_a_linear_probe_is_scikit_learns_pipeline(files, tmp_path, classes):
    split = read_csv(files["split"])
    split = split[split["label"].isin(classes)]
    write_csv(split, tmp_path / "split.csv")
    plan = LinearProbePlan(
        recipe="linear_probe", backbone="tiny", classes=classes, training=SETTINGS
    )
    given = {**files, "split": tmp_path / "split.csv"}
    run, found = trained_by(linear_probe, plan, given, tmp_path)
    features = np.load(files["embeddings"]).astype(float)
    train, test = (split[split["subset"] == name] for name in ("train", "test"))
    codes = [classes.index(label) for label in train["label"]]
    expected = pipeline().fit(features[train.index], codes)
    assert json.loads((run / "meta.json").read_text())["chosen"] == {"c": expected[-1].C_}
    np.testing.assert_allclose(found, expected.predict_proba(features[test.index]), atol=1e-4)
    history = read_csv(run / "history.csv")
    assert history["c"].tolist() == SETTINGS.c
    assert history.loc[history["inner_loss"].idxmin(), "c"] == expected[-1].C_


def test_a_class_with_fewer_photos_than_folds_has_as_many_folds():
    rng = np.random.default_rng(0)
    labels = np.array([0] * 10 + [1] * 10 + [2] * 2)
    features = rng.normal(size=(22, 4)) + labels[:, None]
    found = probe.fit(features, labels, 3, SETTINGS)
    expected = pipeline(folds=2)[-1].fit(features, labels)
    assert found.c == expected.C_
    with pytest.raises(InputError, match="fewer than two training photos"):
        probe.fit(features[:-1], labels[:-1], 3, SETTINGS)


def test_zero_shot_is_what_open_clip_computes(files, tmp_path):
    plan = ZeroShotPlan(recipe="zero_shot", backbone="tiny", prompts="words", classes=CLASSES)
    run, found = trained_by(zero_shot, plan, files, tmp_path)
    folder = files["record"].parent / "open_clip"
    whole = open_clip.create_model(f"local-dir:{folder}").eval()
    tokens = open_clip.get_tokenizer(f"local-dir:{folder}")
    photos = np.load(files["record"].parent / "photos.npy")[48:]
    pixels = torch.from_numpy(photos).permute(0, 3, 1, 2)
    mean, std = (
        torch.tensor(whole.visual.preprocess_cfg[name]).view(3, 1, 1) for name in ("mean", "std")
    )
    with torch.no_grad():
        images = whole.encode_image((pixels / 255 - mean) / std, normalize=True)
        texts = [whole.encode_text(tokens(of), normalize=True).mean(0) for of in WORDS.values()]
        texts = torch.nn.functional.normalize(torch.stack(texts), dim=1)
        expected = (whole.logit_scale.exp() * images @ texts.T).softmax(1)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    loaded = trained.load(zero_shot.setup(plan, files, CPU), run / "weights.safetensors")
    np.testing.assert_allclose(loaded.probabilities(pixels), expected, atol=1e-5)
    assert len(read_csv(run / "history.csv")) == 1
