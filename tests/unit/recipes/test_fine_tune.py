"""Full fine-tuning, on tiny backbones of the three libraries."""

import copy
import json

import numpy as np
import open_clip
import pandas as pd
import pytest
import timm
import torch
from safetensors.torch import load_file
from sklearn.linear_model import LogisticRegressionCV
from sklearn.model_selection import StratifiedKFold
from torch.nn.functional import cross_entropy

from stillact.core.runs import Run
from stillact.core.tables import read_csv, write_csv
from stillact.models.backbones import base, loading
from stillact.recipes.fine_tune import setup as fine_tune
from stillact.recipes.fine_tune.config import FineTunePlan
from stillact.training import jobs, loop, trained
from support import tiny_backbones
from support.tiny_backbones import DEPTH, TOWERS

CLASSES = ["sitting", "standing", "walking_running"]
CPU = torch.device("cpu")
PENALTIES = [0.1, 10.0, 1000.0]
TEXTS = {"sitting": ["sits", "a seat"], "standing": ["stands"], "walking_running": ["walks"]}
BYTES = ("predictions.csv", "history.csv", "weights.safetensors")


@pytest.fixture(params=TOWERS)
def record(request, tmp_path):
    """The weights.json of a tiny backbone."""
    return tiny_backbones.record(request.param, tmp_path)


@pytest.fixture
def timm_record(tmp_path):
    return tiny_backbones.record("timm", tmp_path)


def plan(head="random", augment=(), **changes) -> FineTunePlan:
    settings = dict(learning_rate=0.002, schedule="cosine", warmup=0.1, weight_decay=0.1)
    settings |= dict(clip_norm=1.0, batch_size=8, max_epochs=3, patience=3)
    prompts = "words" if head in ("text", "text_tower") else None
    return FineTunePlan(
        recipe="fine_tune",
        backbone="tiny",
        head=head,
        prompts=prompts,
        augment=list(augment),
        classes=CLASSES,
        training=settings | changes,
        probe=dict(c=PENALTIES, folds=3) if head == "probe" else None,
        texts=TEXTS if head == "text_tower" else None,
    )


@pytest.fixture
def photos(tmp_path):
    """Packed photos in one order, the split table in another."""
    split, array = tiny_backbones.photos(CLASSES, {"train": 21, "validation": 9, "test": 6})
    index = split[["image_id"]].sample(frac=1, random_state=1)
    np.save(tmp_path / "photos.npy", array[index.index])
    write_csv(index.assign(sha256="ab"), tmp_path / "photos.csv")
    write_csv(split, tmp_path / "split.csv")
    names = dict(array="photos.npy", index="photos.csv", split="split.csv")
    return {name: tmp_path / file for name, file in names.items()}


def seeded(setup: jobs.Setup, seed=3) -> fine_tune.Classifier:
    torch.manual_seed(seed)
    return setup.network(None)


def test_a_training_is_that_of_a_plain_loop(record, photos, tmp_path):
    """The library's own forward, torch's AdamW unfused with two groups, clipping and schedule."""
    set_up = fine_tune.setup(plan(max_epochs=1), {**photos, "record": record}, CPU)
    network = seeded(set_up)
    plain = copy.deepcopy(network)
    run, checkpoint = Run("activity3", "tiny", "holdout", 0), tmp_path / "checkpoint.pt"
    made = set_up.parts(jobs.rows(photos["split"], "holdout"))
    parts = {name: part for name, (part, _) in made.items()}
    settings, groups = plan(max_epochs=1).training, set_up.groups(network)
    loop.fit(network, parts, settings, set_up.prepare, run, checkpoint, groups)

    backbone, part = plain.backbone, parts["train"]
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (backbone.mean, backbone.std))
    decayed, others = [], []
    for name, p in plain.named_parameters():
        matrix = p.ndim > 1 and name.endswith(("weight", ".proj"))
        (decayed if matrix else others).append(p)
    optimiser = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0}],
        fused=False,
    )
    rates = [0.002, *(0.001 * (1 + np.cos(np.pi * (k - 0.3) / 2.7)) for k in (1, 2))]
    torch.manual_seed(run.rng_seed("epoch 1"))
    plain.train()
    for rows, rate in zip(torch.randperm(21).split(8), rates, strict=True):
        for group in optimiser.param_groups:
            group["lr"] = rate
        images = (part.inputs[rows].float() / 255 - mean) / std
        embeddings = backbone.image(images)
        loss = cross_entropy(plain.head(embeddings), part.labels[rows])
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(plain.parameters(), 1.0)
        optimiser.step()
    for (name, a), b in zip(network.named_parameters(), plain.parameters(), strict=True):
        if name.endswith("in_proj_bias"):  # softmax does not see the keys' bias: its gradient is
            a, b = (torch.cat([x[:24], x[48:]]) for x in (a, b))  # rounding, which Adam makes large
        assert torch.allclose(a, b, atol=2e-5), name


UNDECAYED = {
    "timm": {"cls_token", "pos_embed"},
    "open_clip": {"class_embedding", "positional_embedding"},
    "transformers": {"tower.embeddings.cls_token", "tower.embeddings.position_embeddings"},
}


@pytest.mark.parametrize("kind", TOWERS)
def test_the_groups_of_layer_decay(kind, tmp_path):
    backbone = loading.from_record(tiny_backbones.record(kind, tmp_path))
    backbone.text = None
    network = fine_tune.Classifier(backbone, torch.nn.Linear(backbone.embedding_width, 3), False)
    made = fine_tune.groups(network, plan(layer_decay=0.5))
    # head; what follows the blocks; blocks 2 and 1; patch and position embeddings
    scales = {1: {"head"}, 0.5: {"after"}, 0.25: {"block 2"}, 0.125: {"block 1"}, 0.0625: {"first"}}
    names = [name for group in made for name in group["names"]]
    parameters = dict(network.named_parameters())
    assert sorted(names) == sorted(parameters)
    for group in made:
        assert all(parameters[n] is p for n, p in zip(group["names"], group["params"], strict=True))
        assert {place(name) for name in group["names"]} == scales[group["scale"]]
    free = {name for group in made if not group["weight_decay"] for name in group["names"]}
    free = {name.removeprefix("backbone.image.") for name in free}
    assert UNDECAYED[kind] <= free
    for name in free - UNDECAYED[kind]:
        whole = name if name.startswith("head") else f"backbone.image.{name}"
        assert parameters[whole].ndim == 1, name
    assert {g["weight_decay"] for g in made} == {0.0, 0.1}


def place(name: str) -> str:
    """Where a parameter is, by its name alone."""
    if name.startswith("head."):
        return "head"
    for number in range(DEPTH):
        if any(f"{blocks}.{number}." in name for blocks in ("blocks", "resblocks", "layers")):
            return f"block {number + 1}"
    ends = ("norm.", "layernorm.", "ln_post.", "proj")
    name = name.removeprefix("backbone.image.").removeprefix("tower.")
    return "after" if name.startswith(ends) else "first"


def test_without_layer_decay_all_have_the_full_step(timm_record):
    backbone = loading.from_record(timm_record)
    network = fine_tune.Classifier(backbone, torch.nn.Linear(24, 3), False)
    assert {group["scale"] for group in fine_tune.groups(network, plan())} == {1.0}


@pytest.mark.parametrize("layer_decay", [1.0, 0.5])
@pytest.mark.parametrize("head", ["random", "text", "probe", "text_tower"])
def test_only_a_head_that_starts_at_random_has_its_own_rate(
    tmp_path, photos, texts, head, layer_decay
):
    files = {**photos, **texts, "record": tiny_backbones.record("open_clip", tmp_path)}
    settings = dict(learning_rate=0.25, head_learning_rate=1.0, layer_decay=layer_decay)
    set_up = fine_tune.setup(plan(head, **settings), files, CPU)
    made = set_up.groups(set_up.network(None))
    scales = {group["scale"] for group in made if group["names"][0].startswith("head.")}
    assert scales == {4.0 if head == "random" else 1.0}
    body = {group["scale"] for group in made if group["names"][0].startswith("backbone.")}
    assert max(body) == layer_decay


def test_the_first_step_moves_a_random_head_by_its_rate_and_the_body_by_its_own(
    photos, timm_record, tmp_path
):
    """Adam's first step is the learning rate, whatever the gradient."""
    rates = dict(learning_rate=1e-5, head_learning_rate=1e-3, weight_decay=0, clip_norm=None)
    rates |= dict(warmup=0.0, schedule="constant", batch_size=64, max_epochs=1)
    set_up = fine_tune.setup(plan(**rates), {**photos, "record": timm_record}, CPU)
    network = seeded(set_up)
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    made = set_up.parts(jobs.rows(photos["split"], "holdout"))
    parts = {name: part for name, (part, _) in made.items()}
    settings, groups = plan(**rates).training, set_up.groups(network)
    run = Run("activity3", "tiny", "holdout", 0)
    loop.fit(network, parts, settings, set_up.prepare, run, tmp_path / "checkpoint.pt", groups)
    moved = {
        name: (parameter.detach() - before[name]).abs().max().item()
        for name, parameter in network.named_parameters()
    }
    assert moved["head.weight"] == pytest.approx(1e-3, rel=0.01)
    body = [step for name, step in moved.items() if not name.startswith("head.")]
    assert max(body) == pytest.approx(1e-5, rel=0.05)


def test_batch_norms_keep_the_statistics_of_the_pre_training(tmp_path):
    """And are trained: a head that starts from a probe starts so in training too."""
    torch.manual_seed(0)
    layers = [torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU()]
    image = torch.nn.Sequential(*layers, torch.nn.Flatten(), torch.nn.Dropout(0.5))
    looks = dict(size=6, geometry="squash", interpolation="bicubic", crop=1.0)
    looks |= dict(mean=(0.5,) * 3, std=(0.5,) * 3)
    numbers = {name: 0 for name, _ in image.named_parameters()}
    backbone = base.Backbone(image, looks, 64, None, numbers)
    image[1].running_mean += 0.3
    network = fine_tune.Classifier(backbone, torch.nn.Linear(64, 3), False)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    inputs = torch.randint(256, (12, 3, 6, 6), dtype=torch.uint8)
    part = loop.LabelledInputs(inputs, torch.arange(12) % 3)
    settled, run = plan(learning_rate=0.01).training, Run("activity3", "tiny", "holdout", 0)
    parts = {"train": part, "validation": part}

    def prepare(images, _):
        return backbone.normalise(images)

    loop.fit(network, parts, settled, prepare, run, tmp_path / "checkpoint.pt")
    changed = {name for name, t in network.state_dict().items() if not torch.equal(t, before[name])}
    assert changed == {name for name, _ in network.named_parameters()}
    network.train()
    assert network.backbone.image[-1].training  # only batch norms are excepted


@pytest.fixture
def texts(tmp_path):
    np.save(tmp_path / "texts.npy", np.random.default_rng(1).normal(size=(4, 20)).astype("f4"))
    rows = dict(zip(["class", "text"], [[*CLASSES, "sitting"], list("abcd")], strict=True))
    write_csv(pd.DataFrame(rows), tmp_path / "texts.csv")
    return dict(texts=tmp_path / "texts.npy", texts_index=tmp_path / "texts.csv")


def test_a_text_head_starts_as_the_zero_shot_classifier(tmp_path, photos, texts):
    record = tiny_backbones.record("open_clip", tmp_path)
    set_up = fine_tune.setup(plan("text"), {**photos, **texts, "record": record}, CPU)
    part, _ = set_up.parts(jobs.rows(photos["split"], "holdout"))["test"]
    logits = loop.predict(seeded(set_up), part.inputs, set_up.prepare)
    whole = open_clip.create_model(f"local-dir:{tmp_path / 'open_clip'}").eval()
    with torch.no_grad():
        images = whole.encode_image(set_up.prepare(part.inputs, False), normalize=True).numpy()
    words = np.load(texts["texts"])
    words /= np.linalg.norm(words, axis=1, keepdims=True)
    words = np.stack([(words[0] + words[3]) / 2, words[1], words[2]])
    words /= np.linalg.norm(words, axis=1, keepdims=True)
    expected = whole.logit_scale.exp().item() * images @ words.T
    np.testing.assert_allclose(logits, expected, atol=1e-4)


def embeddings_of(tmp_path, set_up, part) -> np.ndarray:
    """By open_clip's own hand, L2-normalised."""
    whole = open_clip.create_model(f"local-dir:{tmp_path / 'open_clip'}").eval()
    with torch.no_grad():
        return whole.encode_image(set_up.prepare(part.inputs, False), normalize=True).numpy()


def test_a_probes_head_starts_as_scikit_learns_pipeline(tmp_path, photos):
    record = tiny_backbones.record("open_clip", tmp_path)
    set_up = fine_tune.setup(plan("probe"), {**photos, "record": record}, CPU)
    parts = set_up.parts(jobs.rows(photos["split"], "holdout"))
    train, test = (parts[name][0] for name in ("train", "test"))
    network = set_up.network(train)
    found = loop.predict(network, test.inputs, set_up.prepare).softmax(1)
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    pipeline = LogisticRegressionCV(
        Cs=PENALTIES,
        cv=folds,
        scoring="neg_log_loss",
        tol=1e-8,
        max_iter=10_000,
        use_legacy_attributes=False,
    )
    pipeline.fit(embeddings_of(tmp_path, set_up, train), train.labels)
    assert network.chosen == {"c": pipeline.C_}
    expected = pipeline.predict_proba(embeddings_of(tmp_path, set_up, test))
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_a_text_tower_starts_as_the_zero_shot_classifier_and_learns(tmp_path, photos):
    record = tiny_backbones.record("open_clip", tmp_path)
    set_up = fine_tune.setup(plan("text_tower"), {**photos, "record": record}, CPU)
    part, _ = set_up.parts(jobs.rows(photos["split"], "holdout"))["test"]
    network = set_up.network(None)
    logits = loop.predict(network, part.inputs, set_up.prepare)
    folder = tmp_path / "open_clip"
    whole = open_clip.create_model(f"local-dir:{folder}").eval()
    tokens = open_clip.get_tokenizer(f"local-dir:{folder}")(
        [t for of in TEXTS.values() for t in of]
    )
    with torch.no_grad():
        words = whole.encode_text(tokens, normalize=True).numpy()
    words = np.stack([(words[0] + words[1]) / 2, words[2], words[3]])
    words /= np.linalg.norm(words, axis=1, keepdims=True)
    expected = whole.logit_scale.exp().item() * embeddings_of(tmp_path, set_up, part) @ words.T
    np.testing.assert_allclose(logits, expected, atol=1e-4)

    of_groups = [name for group in set_up.groups(network) for name in group["names"]]
    assert sorted(of_groups) == sorted(name for name, _ in network.named_parameters())
    cross_entropy(network(set_up.prepare(part.inputs, True)), part.labels).backward()
    for tower in (network.head.text, network.backbone.image):
        assert sum(p.grad.abs().sum() for p in tower.parameters() if p.grad is not None) > 0


@pytest.mark.parametrize("head", ["probe", "text_tower"])
def test_every_start_is_trained_and_can_be_loaded(tmp_path, photos, head):
    files = {**photos, "record": tiny_backbones.record("open_clip", tmp_path)}
    folder = tmp_path / "activity3/tiny/holdout/seed_0"
    train(plan(head), files, [folder], tmp_path / "unfinished")
    meta = json.loads((folder / "meta.json").read_text())
    assert set(meta["chosen"]) == {"epoch"} | ({"c"} if head == "probe" else set())
    set_up = fine_tune.setup(plan(head), files, CPU)
    run = trained.load(set_up, folder / "weights.safetensors")
    part, table = set_up.parts(jobs.rows(files["split"], "holdout"))["test"]
    told = read_csv(folder / "predictions.csv").query("subset == 'test'").set_index("image_id")
    told = told.filter(like="prob_").loc[table["image_id"]]
    np.testing.assert_allclose(run.probabilities(part.inputs), told, atol=1e-6)


def test_a_random_head_is_the_seeds(photos, timm_record):
    set_up = fine_tune.setup(plan(), {**photos, "record": timm_record}, CPU)
    first, again, other = (seeded(set_up, seed).head.weight.clone() for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def train(plan, files, folders, unfinished):
    files = {**files, "code": [files["split"]]}
    jobs.train_runs(fine_tune.setup, plan, files, folders, unfinished, "cpu", threads=1)


@pytest.mark.parametrize("augment", [(), [dict(name="horizontal_flip"), dict(name="rotation")]])
def test_a_batch_of_runs_is_each_run_alone(tmp_path, photos, timm_record, augment):
    """The backbone is loaded once and restored in memory: no run sees what another has learnt."""
    files = {**photos, "record": timm_record}
    folders = [tmp_path / f"activity3/tiny/holdout/seed_{seed}" for seed in (4, 0, 7)]
    train(plan(augment=augment), files, folders, tmp_path / "unfinished")
    for folder in folders[::-1]:
        alone = tmp_path / "alone" / folder.relative_to(tmp_path)
        train(plan(augment=augment), files, [alone], tmp_path / "unfinished")
        assert all((folder / name).read_bytes() == (alone / name).read_bytes() for name in BYTES)
    first, second = (load_file(folder / "weights.safetensors") for folder in folders[:2])
    assert any(not torch.equal(first[name], second[name]) for name in first)


def test_the_weights_give_the_predictions(tmp_path, photos, timm_record):
    folder = tmp_path / "activity3/tiny/holdout/seed_1"
    train(plan(), {**photos, "record": timm_record}, [folder], tmp_path / "unfinished")
    weights = load_file(folder / "weights.safetensors")
    size = json.loads((tmp_path / "timm/config.json").read_text())["model_args"]
    model = timm.create_model("vit_tiny_patch16_224", num_classes=3, **size)
    model.load_state_dict({name.removeprefix("backbone.image."): t for name, t in weights.items()})
    table = read_csv(folder / "predictions.csv")
    rows = [read_csv(photos["index"])["image_id"].tolist().index(i) for i in table["image_id"]]
    images = torch.from_numpy(np.load(photos["array"])[rows]).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        expected = model.eval()((images - 0.5) / 0.25).softmax(1)
    found = table[[f"prob_{name}" for name in CLASSES]]
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("fast", [True, False])
def test_auto_trains_in_bf16_where_that_is_fast(photos, timm_record, monkeypatch, fast):
    files = {**photos, "record": timm_record}
    monkeypatch.setattr("stillact.models.precision.is_fast", lambda device: fast)
    monkeypatch.setattr(fine_tune, "SMALL", 0)
    of = {wanted: plan().model_copy(update={"precision": wanted}) for wanted in ("auto", "fp32")}
    assert fine_tune.setup(of["auto"], files, CPU).precision == ("bf16" if fast else "fp32")
    assert fine_tune.setup(of["fp32"], files, CPU).precision == "fp32"
    record = json.loads(timm_record.read_text())
    record["facts"]["blocks"] = 0  # as of a convolutional network
    timm_record.write_text(json.dumps(record))
    assert fine_tune.setup(of["auto"], files, CPU).precision == "fp32"
