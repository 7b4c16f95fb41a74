"""Models of every recipe as files of their own, which answer as the study's models do."""

import dataclasses
import functools
import io
import json
import math
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from stillact.core.errors import InputError
from stillact.core.tables import write_csv
from stillact.data import preprocess
from stillact.data.preprocessing import Preprocessing
from stillact.inference import deployed, export, export_config
from stillact.models import embed
from stillact.models.backbones import loading
from stillact.recipes.setups import plan_of, setup_of
from support import deployments, tiny_backbones

CLASSES = ["walking_running", "sitting", "standing"]
TEXTS = {"walking_running": ["walking", "a run"], "sitting": ["sitting"], "standing": ["standing"]}
SIZE = tiny_backbones.SIZE
CPU = torch.device("cpu")
EXAMPLE = Path(__file__).parents[3] / "workflow/report/predict.py"

EPOCHS = dict(learning_rate=0.01, weight_decay=0.01, batch_size=8, max_epochs=3, patience=3)
CNN = dict(type="cnn", channels=[4], hidden=6, batch_norm=True, dropout=0.2)
LAYERS = dict(hidden=[16, 8], dropout=0.1)
ON = dict(backbone="tiny", prompts="words")
TUNED = dict(recipe="fine_tune", training=EPOCHS, classes=CLASSES)
TEXT = dict(**TUNED, **ON, head="text")

PLANS = {
    "from_scratch": dict(
        recipe="from_scratch",
        network=CNN,
        matched=None,
        training=dict(**EPOCHS, size=SIZE, geometry="letterbox"),
    ),
    "fine_tune": dict(**TUNED, backbone="tiny"),
    "text": TEXT,
    "probe": dict(**TUNED, backbone="tiny", head="probe", probe=dict(c=[1.0], folds=2)),
    "text_tower": dict(**TUNED, **ON, head="text_tower", texts=TEXTS),
    "wise_ft": dict(recipe="wise_ft", of=TEXT, training=dict(steps=2)),
    "seed_soup": dict(recipe="seed_soup", of=TEXT),
    "embedding": dict(
        recipe="mlp", backbone="tiny", features="embedding", training=EPOCHS | LAYERS
    ),
    "similarity": dict(recipe="mlp", **ON, features="similarity", training=EPOCHS | LAYERS),
    "zero_shot": dict(recipe="zero_shot", **ON),
    "linear_probe": dict(recipe="linear_probe", backbone="tiny", training=dict(c=[1.0], folds=2)),
    "prolip": dict(recipe="prolip", **ON, training=EPOCHS | dict(penalty=1.0)),
}


def stand(folder: Path, kind: str) -> dict[str, Path]:
    """What the setups on a tiny backbone read."""
    rng = np.random.default_rng(0)
    more = dict(source="/home/me/weights", revision=None, licence=None, sha256="ab")
    backbone = loading.from_record(tiny_backbones.record(kind, folder, **more))
    photos = rng.integers(0, 256, (4, SIZE, SIZE, 3), np.uint8)
    np.save(folder / "photos.npy", photos)
    np.save(folder / "images.npy", embed.of_photos(backbone, photos))
    np.save(folder / "texts.npy", rng.normal(size=(4, backbone.embedding_width)).astype("f4"))
    if backbone.projects:
        np.save(folder / "projection.npy", backbone.projection.numpy())
        width = len(backbone.projection)
        np.save(folder / "unprojected.npy", rng.normal(size=(4, width)).astype("f4"))
    write_csv(pd.DataFrame({"image_id": list("abcd"), "sha256": "ab"}), folder / "photos.csv")
    rows = [(name, text) for name, texts in TEXTS.items() for text in texts]
    write_csv(pd.DataFrame(rows, columns=["class", "text"]), folder / "texts.csv")
    names = dict(array="photos.npy", index="photos.csv", record="weights.json", texts="texts.npy")
    names |= dict(embeddings="images.npy", texts_index="texts.csv")
    names |= dict(features="unprojected.npy", projection="projection.npy")
    return {name: folder / file for name, file in names.items() if (folder / file).exists()}


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> dict[str, Path]:
    return stand(tmp_path_factory.mktemp("clip"), "open_clip")


def used_of(
    plan: dict, files: dict[str, Path], folder: Path, temperature: float = 1.7
) -> deployed.Deployed:
    """A model of that plan with weights of its own, as rule deploy leaves it, loaded."""
    typed = plan_of({"classes": CLASSES, **plan} if "of" not in plan else plan)
    setup = setup_of(typed)(typed, files, CPU)
    torch.manual_seed(3)
    weights = {
        name: tensor + 0.05 * torch.randn_like(tensor) if tensor.is_floating_point() else tensor
        for name, tensor in setup.network(None).state_dict().items()
    }
    for name in weights:  # variances
        weights[name] = weights[name].abs() if name.endswith("running_var") else weights[name]
    place = folder / "deployed"
    place.mkdir(exist_ok=True)
    save_file(
        {name: t.clone().contiguous() for name, t in weights.items()}, place / "weights.safetensors"
    )
    record = deployments.record(recipe=typed.recipe, temperature=temperature)
    (place / deployed.RECORD).write_text(record.model_dump_json())
    blocks = {"tiny": dict(plan=typed.model_dump(), files={k: str(f) for k, f in files.items()})}
    return deployed.load(place / deployed.RECORD, blocks, CPU)


def changed(used: deployed.Deployed, **changes) -> deployed.Deployed:
    """With another record."""
    return dataclasses.replace(used, record=used.record.model_copy(update=changes))


def some_photos(count: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 3, SIZE, SIZE), np.uint8)


def exported(used: deployed.Deployed, folder: Path) -> dict:
    folder.mkdir()
    return export.write(used, [some_photos(3)], folder)


@dataclasses.dataclass(frozen=True)
class Made:
    used: deployed.Deployed
    folder: Path
    told: dict

    @property
    def graph(self) -> Path:
        return self.folder / "model.onnx"

    @property
    def tensors(self) -> dict[str, torch.Tensor]:
        return load_file(self.folder / "model.safetensors")


@pytest.fixture(scope="module")
def made(clip, tmp_path_factory) -> Callable[[str], Made]:
    """A recipe's export, once for all tests. Shared: look, do not touch."""

    @functools.cache
    def of(recipe: str) -> Made:
        folder = tmp_path_factory.mktemp(recipe)
        used = used_of(PLANS[recipe], clip, folder)
        told = exported(used, folder / "out")
        return Made(used, folder / "out", told)

    return of


def asked(graph: Path, photos: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    (answer,) = session.run(["probabilities"], {"photos": photos})
    return answer


def same(used: deployed.Deployed, graph: Path) -> None:
    """On batches of several sizes, none of which it was made with."""
    for count in (1, 5, 9):
        photos = some_photos(count, seed=count)
        expected = used.probabilities(torch.from_numpy(photos))
        assert count == 1 or np.ptp(expected, axis=0).max() > 1e-3  # or another order would pass
        np.testing.assert_allclose(asked(graph, photos), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("recipe", PLANS)
def test_onnx_answers_as_the_run_does(recipe, made):
    one = made(recipe)
    same(one.used, one.graph)
    assert one.told["checked_photos"] == 3
    assert 0 <= one.told["largest_difference"] < 1e-4


@pytest.mark.parametrize("kind", [kind for kind in tiny_backbones.EVERY if kind != "open_clip"])
def test_so_does_every_kind_of_backbone(kind, tmp_path):
    files = stand(tmp_path / "files", kind)
    used = used_of(PLANS["linear_probe"], files, tmp_path, temperature=0.2)
    exported(used, tmp_path / "out")
    same(used, tmp_path / "out/model.onnx")


def test_a_sure_answer_is_softened_as_the_study_does(clip, tmp_path):
    """Probabilities of 8 decimals have no logarithm below that of 5e-9; a temperature shows it."""
    used = used_of(PLANS["from_scratch"], clip, tmp_path, temperature=20.0)
    with torch.no_grad():
        used.trained.network[-1].weight.mul_(1000)
    exported(used, tmp_path / "out")
    photos = some_photos(4)
    assert used.trained.probabilities(torch.from_numpy(photos)).min() < 1e-12
    expected = used.probabilities(torch.from_numpy(photos))
    assert expected.min() > 0.1
    np.testing.assert_allclose(asked(tmp_path / "out/model.onnx", photos), expected, atol=1e-4)


@pytest.mark.parametrize("recipe", ["from_scratch", "text_tower", "prolip", "embedding"])
def test_the_tensors_are_all_that_a_model_is(recipe, made, clip, tmp_path):
    one = made(recipe)
    assert len(one.tensors) == one.told["tensors"]
    other = export.Answering(used_of(PLANS[recipe], clip, tmp_path)).eval()
    photos = torch.from_numpy(some_photos(4))
    expected = one.used.probabilities(photos)
    with torch.no_grad():
        for tensor in other.state_dict().values():
            tensor.zero_()
        assert not np.abs(other(photos).numpy() - expected).max() < 1e-3
        other.load_state_dict({name: one.tensors[name] for name in other.state_dict()})
        np.testing.assert_allclose(other(photos).numpy(), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("recipe", ["fine_tune", "linear_probe"])
def test_the_image_tower_is_named_as_its_library_names_it(recipe, made, clip):
    own = set(loading.from_record(clip["record"]).image.state_dict())
    one = made(recipe)
    start = one.told["image_tower"]
    assert {name.removeprefix(start) for name in one.tensors if name.startswith(start)} == own


def test_texts_that_no_module_holds_are_among_the_tensors(made, clip):
    texts = np.load(clip["texts"])
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    walking = texts[:2].mean(0) / np.linalg.norm(texts[:2].mean(0))
    expected = np.stack([walking, texts[2], texts[3]], axis=1)
    found = [t for t in made("similarity").tensors.values() if t.shape == expected.shape]
    assert any(np.allclose(tensor, expected, atol=1e-6) for tensor in found)


def test_a_text_tower_is_not_exported(made):
    names = made("text_tower").tensors
    assert not [name for name in names if "text" in name or "token" in name]
    assert "network.head.weight" in names


def test_the_graph_names_no_folder_of_this_machine(made):
    content = made("linear_probe").graph.read_bytes()
    assert b"site-packages" not in content
    assert b"stillact/" not in content


def test_the_graph_takes_and_gives_what_the_card_says(made):
    graph = onnx.load(made("linear_probe").graph).graph
    (photos,), (probabilities,) = graph.input, graph.output
    shape = [d.dim_param or d.dim_value for d in photos.type.tensor_type.shape.dim]
    assert (photos.name, shape) == ("photos", ["batch", 3, SIZE, SIZE])
    assert photos.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert probabilities.name == "probabilities"
    assert probabilities.type.tensor_type.elem_type == onnx.TensorProto.FLOAT


def test_another_answer_of_onnx_ends_the_export(made):
    one = made("linear_probe")
    other = changed(one.used, temperature=1.9)
    with pytest.raises(InputError, match=r"model\.onnx: .* nothing is exported"):
        export.largest_difference(one.graph, other, [some_photos(3)])


def test_so_does_an_answer_that_is_no_number(clip, tmp_path):
    used = used_of(PLANS["from_scratch"], clip, tmp_path)
    with torch.no_grad():
        used.trained.network[-1].bias.fill_(math.nan)
    with pytest.raises(InputError, match="nothing is exported"):
        exported(used, tmp_path / "out")


def test_photos_alone_are_compared_as_well(made, monkeypatch):
    one, sizes, own = made("linear_probe"), [], deployed.Deployed.probabilities
    monkeypatch.setattr(export, "BATCH", 4)

    def counted(self: deployed.Deployed, photos: torch.Tensor) -> np.ndarray:
        sizes.append(len(photos))
        return own(self, photos)

    monkeypatch.setattr(deployed.Deployed, "probabilities", counted)
    export.largest_difference(one.graph, one.used, [some_photos(6)])
    assert sizes == [4, 2, 1, 1, 1, 1, 1, 1]


def test_what_one_onnx_file_cannot_hold_is_refused(clip, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "LARGEST", 1000)
    with pytest.raises(InputError, match="GB of weights, more than the"):
        exported(used_of(PLANS["from_scratch"], clip, tmp_path), tmp_path / "out")


class Branching(torch.nn.Module):
    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        logits = photos.flatten(1)[:, :3]
        return logits * 2 if logits.sum() > 3 else logits


def test_what_no_graph_can_hold_is_refused(clip, tmp_path):
    used = used_of(PLANS["from_scratch"], clip, tmp_path)
    network = torch.nn.Sequential(Branching(), torch.nn.Linear(3, 3)).eval()
    run = dataclasses.replace(used.trained, network=network)
    with pytest.raises(
        InputError, match=r"cannot be written as ONNX \(\w+: .*\); set another"
    ) as told:
        exported(dataclasses.replace(used, trained=run), tmp_path / "out")
    assert "\n" not in str(told.value)


def test_files_appear_together_or_not_at_all(tmp_path):
    folder = tmp_path / "export"
    (folder / ".part").mkdir(parents=True)
    (folder / ".part/left").touch()  # by a job that was killed

    def broken_off() -> None:
        with export.appearing(folder, ["a", "b"]) as part:
            (part / "a").write_text("1")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken_off()
    assert not list(folder.iterdir())
    with export.appearing(folder, ["a", "b"]) as part:
        (part / "a").write_text("2")
        (part / "b").write_text("3")
        assert not (folder / "a").exists()
    assert {path.name: path.read_text() for path in folder.iterdir()} == {"a": "2", "b": "3"}


def test_test_photos_are_those_of_the_split_as_the_model_sees_them(tmp_path):
    cache, rng = tmp_path / "cache", np.random.default_rng(0)
    photos = {}
    for name in "abc":
        photos[name] = Image.fromarray(rng.integers(0, 256, (40, 30, 3), np.uint8))
        path = cache / "ab" / f"ab{name}"
        path.parent.mkdir(parents=True, exist_ok=True)
        photos[name].save(path, format="PNG")
    split = pd.DataFrame({"image_id": list("cab"), "subset": ["test", "train", "test"]})
    write_csv(split, tmp_path / "split.csv")
    had = pd.DataFrame({"id": list("abc"), "sha256": [f"ab{name}" for name in "abc"]})
    write_csv(had, tmp_path / "images.csv")
    preprocessing = Preprocessing(20, "squash", "bilinear")
    boxes = pd.DataFrame({"id": list("bca"), "person_boxes": ["0 0 10 20", "", "9 9 3 3"]})
    write_csv(boxes, tmp_path / "people.csv")
    tables = [tmp_path / f"{name}.csv" for name in ("split", "images", "people")]
    sees = [preprocessing, preprocessing.view("person")]
    whole, person = export.test_photos(*tables, cache, sees, 1)
    expected = [np.asarray(photos[n].resize((20, 20), Image.Resampling.BILINEAR)) for n in "cb"]
    np.testing.assert_array_equal(whole, np.stack(expected).transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(person[0], whole[0])  # nobody is there
    cut = photos["b"].crop((0, 0, 12, 23))
    letterboxed = preprocess.square(cut, preprocessing.letterboxed())
    np.testing.assert_array_equal(person[1], np.asarray(letterboxed).transpose(2, 0, 1))


# The example, which knows nothing of this project


def odd_photos(folder: Path) -> list[Path]:
    """Photos of odd sizes and kinds."""
    folder.mkdir()
    rng = np.random.default_rng(5)

    def noise(width: int, height: int) -> Image.Image:
        small = rng.integers(0, 256, (max(2, height // 9), max(2, width // 9), 3), np.uint8)
        return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)

    turned = Image.Exif()
    turned[0x0112] = 6  # orientation: to be turned by 90 degrees
    noise(101, 67).save(folder / "wide.png")
    noise(47, 133).save(folder / "tall.png")
    noise(300, 7).save(folder / "strip.png")
    noise(90, 61).save(folder / "turned.jpg", exif=turned)
    noise(33, 40).convert("L").save(folder / "grey.png")
    noise(57, 40).convert("P").save(folder / "palette.png")
    clear = noise(64, 65).convert("RGBA")
    clear.putalpha(noise(64, 65).convert("L"))
    clear.save(folder / "clear.png")
    noise(57, 41).convert("P").save(folder / "clear.gif", transparency=3)
    deep = rng.integers(0, 2**16, (50, 71), np.uint16)
    Image.fromarray(deep).save(folder / "deep.png")
    noise(1, 1).save(folder / "dot.png")
    return sorted(folder.iterdir())


LOOKS = {
    "letterbox": dict(geometry="letterbox", interpolation="bicubic", crop=1.0),
    "cut_letterbox": dict(geometry="letterbox", interpolation="bicubic", crop=0.9),
    "centre": dict(geometry="resize_crop", interpolation="bilinear", crop=0.875),
    "squash": dict(geometry="squash", interpolation="bicubic", crop=1.0),
}


@pytest.mark.parametrize("look", LOOKS)
def test_the_example_answers_as_the_study_does(look, made, tmp_path):
    one = made("from_scratch")
    trained, setup = one.used.trained, one.used.trained.setup
    preprocessing = dataclasses.replace(setup.sees[0], **LOOKS[look])
    setup = dataclasses.replace(setup, sees=(preprocessing,))
    used = dataclasses.replace(one.used, trained=dataclasses.replace(trained, setup=setup))
    folder = shutil.copytree(one.folder, tmp_path / "out")
    files = odd_photos(tmp_path / "photos")
    seen = [np.asarray(preprocess.square(Image.open(file), preprocessing)) for file in files]
    photos = torch.from_numpy(np.stack(seen).transpose(0, 3, 1, 2).copy())
    expected = used.probabilities(photos)
    sure = np.sort(expected.max(1))[4]  # some are below it
    used = changed(used, threshold=float(sure) + 1e-3)
    (folder / "config.json").write_text(
        json.dumps(export_config.described(used, [(used.plan, {})], one.told))
    )
    shutil.copyfile(EXAMPLE, folder / "predict.py")
    lines = run_example(folder, files)
    assert len(lines) == len(files)
    for line, file, probabilities in zip(lines, files, expected, strict=True):
        name, answer = line.split(": ")
        said, probability, *unsure = answer.split()
        assert name == str(file)
        assert said == CLASSES[probabilities.argmax()]
        assert float(probability) == pytest.approx(probabilities.max(), abs=1e-4)
        assert bool(unsure) == (probabilities.max() < used.record.threshold)
    assert 0 < sum("unsure" in line for line in lines) < len(lines)


def run_example(folder: Path, files: list[Path]) -> list[str]:
    """Without this project on the path, from another folder."""
    command = [sys.executable, "-I", str(folder / "predict.py"), *map(str, files)]
    ran = subprocess.run(command, capture_output=True, text=True, cwd="/")
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


@pytest.fixture(scope="module")
def example(made, tmp_path_factory):
    """The folder of an export, one of photos in two folders, and a function that runs predict.py
    there: its exit status, output and messages."""
    one = made("from_scratch")
    folder = shutil.copytree(one.folder, tmp_path_factory.mktemp("export") / "out")
    config = export_config.described(one.used, [(one.used.plan, {})], one.told)
    (folder / "config.json").write_text(json.dumps(config))
    shutil.copyfile(EXAMPLE, folder / "predict.py")
    (folder / "photos/=1+1").mkdir(parents=True)
    for name in ("a.jpg", "=1+1/b.png"):
        Image.new("RGB", (40, 30), (200, 30, 90)).save(folder / "photos" / name)
    (folder / "photos/notes.txt").write_text("no photo")
    (folder / "photos/c.jpg").write_bytes(b"no photo")

    def run(*arguments):
        command = [sys.executable, "-I", str(folder / "predict.py"), *arguments]
        ran = subprocess.run(command, capture_output=True, text=True, cwd=folder / "photos")
        return ran.returncode, ran.stdout, ran.stderr

    return run


def test_the_example_reads_folders_and_names_what_it_cannot_read(example):
    status, output, messages = example(".")
    assert status == 1
    assert [line.split(": ")[0] for line in output.splitlines()] == ["=1+1/b.png", "a.jpg"]
    assert messages.startswith("c.jpg: cannot identify image file")
    assert example("a.jpg", "a.jpg")[:2] == (0, output.splitlines(keepends=True)[1])
    assert example("none.jpg") == (1, "", "none.jpg: No such file or directory\n")


def test_the_example_writes_json_and_csv(example):
    status, output, messages = example("--json", "a.jpg", "c.jpg")
    good, bad = map(json.loads, output.splitlines())
    assert (status, messages) == (1, "")
    assert bad["status"] == "unreadable"
    assert bad["reason"].startswith("cannot identify image file")
    chances = [good[f"prob_{name}"] for name in CLASSES]
    assert sum(chances) == pytest.approx(1, abs=1e-6)
    assert good["predicted"] == CLASSES[int(np.argmax(chances))]
    assert good["confidence"] == max(chances)
    assert (good["path"], good["status"], good["reason"]) == ("a.jpg", "ok", "")
    table = pd.read_csv(io.StringIO(example("--csv", ".")[1]), keep_default_na=False)
    assert list(table) == list(good)
    assert table["path"].tolist() == ["./=1+1/b.png", "a.jpg", "c.jpg"]
    assert table["status"].tolist() == ["ok", "ok", "unreadable"]
    assert float(table["confidence"][1]) == good["confidence"]


def test_the_example_without_a_photo_says_how_it_is_used(example, tmp_path):
    (tmp_path / "empty").mkdir()
    for arguments in ([], ["--json", "--csv", "a.jpg"], [str(tmp_path / "empty")]):
        status, output, messages = example(*arguments)
        assert (status, output) == (2, "")
        assert messages.startswith("usage: predict.py")
    assert "no photos in" in messages


def test_the_example_imports_nothing_else():
    words = [
        line.split()[1]
        for line in EXAMPLE.read_text().splitlines()
        if line.startswith(("import ", "from "))
    ]
    others = {word.split(".")[0] for word in words} - sys.stdlib_module_names
    assert others == {"numpy", "onnxruntime", "PIL"}


# What is written beside the model


def test_the_config_says_how_to_feed_it(clip, tmp_path):
    used = used_of(PLANS["similarity"], clip, tmp_path)
    made = export_config.described(used, [(used.plan, clip)], {"largest_difference": 0.0})
    assert made["classes"] == CLASSES
    facts = json.loads(clip["record"].read_text())["facts"]
    look = {name: made["views"][0][name] for name in ("size", "geometry", "crop", "mean")}
    assert look == {name: facts[name] for name in look}
    assert (made["temperature"], made["threshold"], made["recipe"]) == (1.7, 0.5, "mlp")
    assert [made[name] for name in ("task", "model", "seed")] == ["activity3", "tiny", 4]
    assert made["backbones"][0]["loader"] == "open_clip"
    assert made["backbones"][0]["source"] == "weights"  # not where it lies here
    assert made["prompts"] == TEXTS
    assert made["plan"]["training"]["hidden"] == [16, 8]
    assert made["versions"]["open_clip"]
    json.dumps(made)


@pytest.mark.parametrize(
    ("recipe", "texts"),
    [("from_scratch", None), ("fine_tune", None), ("text_tower", TEXTS), ("wise_ft", TEXTS)],
)
def test_prompts_are_told_where_there_were_some(recipe, texts, clip):
    plan = PLANS[recipe]
    plan = plan_of(plan if "of" in plan else {"classes": CLASSES, **plan})
    files = clip if texts else {k: f for k, f in clip.items() if not k.startswith("texts")}
    assert export_config.prompts([(plan, files)]) == texts


def test_a_network_from_scratch_is_fed_from_minus_one_to_one(clip, tmp_path):
    used = used_of(PLANS["from_scratch"], clip, tmp_path)
    made = export_config.described(used, [(used.plan, {})], {})
    extremes = (
        torch.zeros(1, 3, SIZE, SIZE, dtype=torch.uint8),
        torch.full((1, 3, SIZE, SIZE), 255, dtype=torch.uint8),
    )
    mean, std = (np.array(made["views"][0][name]) for name in ("mean", "std"))
    for photo, level in zip(extremes, (0.0, 1.0), strict=True):
        seen = used.trained.setup.prepare(photo, False)[0].amax((1, 2)).numpy()
        np.testing.assert_allclose((level - mean) / std, seen, atol=1e-6)
    assert made["backbones"] == []
    assert made["prompts"] is None
