"""Weights as data: the real hub client against a small local hub, and files that are no weights."""

import hashlib
import json
import os
import pickle
import runpy
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub.constants
import pytest
import timm
import torch
from safetensors.torch import save, save_file

from stillact.config.backbones import Backbone
from stillact.core.errors import InputError
from stillact.core.logs import logger
from stillact.models import weights

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TENSORS = {"a.weight": torch.arange(6.0).reshape(2, 3), "b": torch.ones(1)}
FILES = {
    "config.json": b"{}",
    "model.safetensors": save(TENSORS),
    "pytorch_model.bin": b"never fetched: there are safetensors",
    "README.md": b"never fetched",
}
HUB = {"loader": "timm", "name": "vit_tiny_patch16_224", "weights": "hub:some/model"}


class Hub(ThreadingHTTPServer):
    """The three answers of a hub that fetching one model takes; `asked` lists what was asked."""

    def __init__(self, files: dict[str, bytes]):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files, self.asked = files, []
        self.refuses: tuple[int, dict[str, str]] | None = None
        self.url = f"http://127.0.0.1:{self.server_port}"


def sibling(name: str) -> dict:
    """What a hub tells of a file: of tensors, size and hash as they were given to it."""
    if not name.endswith(".safetensors"):
        return {"rfilename": name}
    size, sha256 = len(FILES[name]), hashlib.sha256(FILES[name]).hexdigest()
    lfs = {"size": size, "sha256": sha256, "pointerSize": 1}
    return {"rfilename": name, "size": size, "lfs": lfs}


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(f"{self.command} {self.path}")
        path = self.path.split("?")[0]
        files = self.server.files
        if self.server.refuses:
            return self.answer(b"no", *self.server.refuses)
        if path in (f"/api/models/some/model/revision/{r}" for r in ("main", COMMIT)):
            return self.answer_json(
                {
                    "id": "some/model",
                    "sha": COMMIT,
                    "siblings": [sibling(f) for f in files],
                    "cardData": {"license": "mit"},
                }
            )
        if path == f"/api/models/some/model/tree/{COMMIT}":
            rows = [
                {"type": "file", "path": f, "size": len(b), "oid": hashlib.sha1(b).hexdigest()}
                for f, b in files.items()
            ]
            return self.answer_json(rows)
        name = path.removeprefix(f"/some/model/resolve/{COMMIT}/")
        if name in files:
            return self.answer(files[name])
        return self.answer(b"not here", 404)

    do_HEAD = do_GET

    def answer_json(self, value):
        self.answer(json.dumps(value).encode())

    def answer(self, body: bytes, status: int = 200, headers: dict[str, str] | None = None):
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{hashlib.sha1(body).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub(dict(FILES)) as hub:
        thread = threading.Thread(target=hub.serve_forever)
        thread.start()
        yield hub
        hub.shutdown()
        thread.join()


def fetch(url: str, cache: Path, **block: str) -> subprocess.CompletedProcess:
    """`weights.fetch` in a process of its own: the client reads the hub's address at import."""
    code = (
        "import json, sys\n"
        "from stillact.config.backbones import Backbone\n"
        "from stillact.core import logs\n"
        "from stillact.models import weights\n"
        f"with logs.job({str(cache / 'log')!r}):\n"
        "    block = Backbone(**json.loads(sys.argv[1]))\n"
        "    print(json.dumps(weights.fetch(block, 'mine', sys.argv[2])))"
    )
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("HF_")},
        "PYTHONPATH": str(Path(__file__).parents[3] / "workflow/lib"),
        "HF_ENDPOINT": url,
        "HF_HOME": str(cache / "hf"),
        "NO_PROXY": "127.0.0.1",
    }
    command = [sys.executable, "-c", code, json.dumps({**HUB, **block}), str(cache)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def test_weights_are_fetched_once_and_recorded(hub, tmp_path):
    first = fetch(hub.url, tmp_path, revision=COMMIT)
    assert first.returncode == 0, first.stderr
    record = json.loads(first.stdout)
    assert (record["source"], record["revision"], record["licence"]) == (
        *("hub:some/model", COMMIT, "mit"),
    )
    folder = Path(record["folder"])
    assert folder == tmp_path / "weights/mine" / f"some--model@{COMMIT}"
    wanted = ("config.json", "model.safetensors")
    assert record["files"] == [
        {"name": name, "bytes": len(FILES[name]), "sha256": hashlib.sha256(FILES[name]).hexdigest()}
        for name in wanted
    ]
    assert record["bytes"] == sum(len(FILES[name]) for name in wanted)
    assert torch.equal(weights.read(folder / "model.safetensors")["a.weight"], TENSORS["a.weight"])
    assert not (folder / "pytorch_model.bin").exists()

    hub.asked.clear()
    again = fetch(hub.url, tmp_path, revision=COMMIT)
    assert json.loads(again.stdout) == record
    assert hub.asked == []


def test_a_branch_is_recorded_as_its_commit_and_a_damaged_file_fetched_again(hub, tmp_path):
    first = fetch(hub.url, tmp_path, revision="main", licence="Apache-2.0")
    record = json.loads(first.stdout)
    assert (record["revision"], record["licence"]) == (COMMIT, "Apache-2.0")
    assert f"main is not a commit; write {COMMIT}" in first.stderr
    file = Path(record["folder"], "model.safetensors")
    file.write_bytes(b"damaged")
    again = fetch(hub.url, tmp_path, revision="main", licence="Apache-2.0")
    assert f"{file}: missing or changed since it was fetched" in again.stderr
    assert json.loads(again.stdout) == record
    assert file.read_bytes() == FILES["model.safetensors"]


def test_a_hub_that_cannot_be_reached_is_told_with_the_two_ways_out(tmp_path):
    failed = fetch("http://127.0.0.1:9", tmp_path, revision=COMMIT)
    assert failed.returncode == 1
    assert "Traceback" not in failed.stderr
    for part in (
        "backbones.mine.weights",
        "some/model",
        COMMIT,
        "http://127.0.0.1:9",
        "local path",
        "own_classes.md, section 6",
    ):
        assert part in failed.stderr
    assert not list(tmp_path.glob("weights/*/*/weights.json"))


def test_a_model_that_the_hub_does_not_have(hub, tmp_path):
    failed = fetch(hub.url, tmp_path, revision=COMMIT, weights="hub:some/other")
    assert failed.returncode == 1
    assert "some/other" in failed.stderr
    assert "own_classes.md, section 6" in failed.stderr


def test_a_pickle_from_the_hub_is_refused_when_fetched(hub, tmp_path):
    del hub.files["model.safetensors"]
    hub.files["pytorch_model.bin"] = pickle.dumps(Shout())
    failed = fetch(hub.url, tmp_path, revision=COMMIT)
    assert failed.returncode == 1
    assert "pytorch_model.bin: refused" in failed.stderr
    assert "own_classes.md, section 6" not in failed.stderr


@pytest.fixture
def refused(hub, tmp_path, monkeypatch):
    """What the user reads when a hub does not give the weights."""
    template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def refused() -> str:
        with pytest.raises(InputError) as error:
            weights.fetch(block(weights="hub:some/model", revision=COMMIT), "mine", tmp_path)
        told = str(error.value)
        assert all(
            word in told
            for word in ("backbones.mine.weights", "local path", "own_classes.md, section 6")
        )
        assert not list(tmp_path.glob("weights/*/*/weights.json"))
        return told

    return refused


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (401, {}, "set HF_TOKEN to a token for it"),
        (403, {"X-Error-Code": "GatedRepo"}, "Accept its terms at http://127.0.0.1"),
        (403, {}, "Accept its terms at http://127.0.0.1"),
        (404, {"X-Error-Code": "RevisionNotFound"}, "Correct the name or the revision"),
        (429, {}, "Too many requests to the hub: wait some minutes"),
        (502, {}, "Try again: files fetched so far are kept. Behind a proxy, set HTTPS_PROXY"),
    ],
)
def test_each_refusal_of_a_hub_has_its_way_out(hub, refused, status, headers, words):
    hub.refuses = status, headers
    assert words in refused()


def test_weights_with_other_bytes_than_the_hub_tells(hub, refused, tmp_path):
    good = hub.files["model.safetensors"]
    hub.files["model.safetensors"] = good[:-1] + bytes([good[-1] ^ 1])  # as long, and sound
    assert "model.safetensors is damaged" in refused()
    hub.files["model.safetensors"] = good
    record = weights.fetch(block(weights="hub:some/model", revision=COMMIT), "mine", tmp_path)
    assert record["files"][1]["sha256"] == hashlib.sha256(good).hexdigest()


class Shout:
    def __reduce__(self):
        return print, ("this code must not run",)


def message(file: Path) -> str:
    with pytest.raises(InputError) as error:
        weights.read(file)
    assert str(file) in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("suffix", weights.PICKLES)
def test_a_pickle_with_code_is_refused_and_not_run(tmp_path, capfd, suffix):
    plain, torched = tmp_path / f"plain{suffix}", tmp_path / f"torched{suffix}"
    plain.write_bytes(pickle.dumps(Shout()))
    torch.save({"a": Shout()}, torched)
    for file in (plain, torched):
        assert "refused" in message(file)
    assert "must not run" not in capfd.readouterr().out


def test_a_pickle_of_tensors_is_read(tmp_path):
    torch.save({"state_dict": TENSORS, "epoch": 3}, tmp_path / "w.pt")
    read = weights.read(tmp_path / "w.pt")
    assert read.keys() == TENSORS.keys()
    assert torch.equal(read["a.weight"], TENSORS["a.weight"])


def test_other_things_in_a_pickle_are_told(tmp_path):
    torch.save([1, 2], tmp_path / "w.pt")
    assert "state dict" in message(tmp_path / "w.pt")
    (tmp_path / "w.npz").write_bytes(b"")
    assert "not a weights file" in message(tmp_path / "w.npz")


@pytest.mark.parametrize("suffix", [".safetensors", ".bin"])
@pytest.mark.parametrize("kept", [0.0, 0.1, 0.9])
def test_truncated_weights_are_told(tmp_path, suffix, kept):
    file = tmp_path / f"w{suffix}"
    tensors = {"a": torch.rand(100, 100)}
    save_file(tensors, file) if suffix == ".safetensors" else torch.save(tensors, file)
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * kept)])
    assert "truncated" in message(file)


def block(**changes) -> Backbone:
    return Backbone(**{**HUB, "weights": "somewhere", **changes})


def test_local_weights_are_recorded_where_they_are(tmp_path):
    for name in ("model.safetensors", "config.json", "notes.txt"):
        (tmp_path / name).write_bytes(FILES.get(name, b"other"))
    record = weights.fetch(block(weights=str(tmp_path)), "mine", "unused")
    assert record["folder"] == str(tmp_path)
    assert [row["name"] for row in record["files"]] == ["config.json", "model.safetensors"]
    file = tmp_path / "model.safetensors"
    alone = weights.fetch(block(weights=str(file)), "mine", "unused")
    assert (alone["folder"], alone["bytes"]) == (str(file), file.stat().st_size)
    assert (alone["revision"], alone["licence"]) == (None, None)


def test_what_was_fetched_serves_another_architecture_and_not_another_loader(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        weights, "_download", lambda *of: asked.append(of) or {"files": [], "bytes": 0}
    )
    mine = block(weights="hub:some/model", revision=COMMIT)
    folder = weights.place(mine, "mine", tmp_path)
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(FILES["model.safetensors"])
    record = weights.fetch(block(weights=str(folder)), "mine", tmp_path)
    assert (record["loader"], record["name"]) == ("timm", "vit_tiny_patch16_224")
    (folder / weights.RECORD).write_text(json.dumps(record))
    other = mine.model_copy(update={"name": "vit_small_patch16_224"})
    assert weights.fetch(other, "mine", tmp_path) == {**record, "name": "vit_small_patch16_224"}
    assert asked == []
    other = mine.model_copy(update={"loader": "open_clip"})
    weights.fetch(other, "mine", tmp_path)
    assert asked == [(other, "mine", folder)]


def test_nothing_at_the_local_path_and_nothing_in_the_folder(tmp_path):
    with pytest.raises(InputError, match=r"backbones\.mine\.weights.*nowhere"):
        weights.fetch(block(weights=str(tmp_path / "nowhere")), "mine", "unused")
    with pytest.raises(InputError, match=r"no weights that timm reads.*model\.safetensors"):
        weights.fetch(block(weights=str(tmp_path)), "mine", "unused")


@pytest.fixture
def _logger_as_before():
    """A job sets the logger up for a whole process; give it back to the other tests."""
    kept = logger.handlers, logger.propagate
    yield
    logger.handlers, logger.propagate = kept


@pytest.mark.usefixtures("_logger_as_before")
def test_the_job_loads_what_it_fetched(tmp_path, capsys):
    """So that weights that do not fit are told before anything else is done."""
    script = Path(__file__).parents[3] / "workflow/scripts/models/fetch_weights.py"
    file, output = tmp_path / "w.safetensors", tmp_path / "weights.json"
    job = SimpleNamespace(
        log=[tmp_path / "log"],
        params=SimpleNamespace(backbone=block(weights=str(file)).model_dump(), cache="unused"),
        wildcards=SimpleNamespace(backbone="mine"),
        output=[output],
    )
    save_file(TENSORS, file)
    with pytest.raises(SystemExit):
        runpy.run_path(str(script), {"snakemake": job})
    assert "do not fit vit_tiny_patch16_224" in capsys.readouterr().err
    assert not output.exists()
    save_file(timm.create_model(HUB["name"]).state_dict(), file)
    runpy.run_path(str(script), {"snakemake": job})
    record = json.loads(output.read_text())
    assert (record["loader"], record["name"]) == ("timm", HUB["name"])
    assert (record["facts"]["size"], record["facts"]["has_text"]) == (224, False)


def test_shards_of_large_transformers_models_are_fetched():
    there = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    there += ["model.safetensors.index.json", "config.json", "pytorch_model.bin", "tf_model.h5"]
    assert weights._wanted(there, "transformers") == sorted(["config.json", *there[:3]])


def test_what_does_not_fit_is_listed():
    want = {"a": torch.zeros(2, 3), "b": torch.zeros(1), **{f"c{i}": torch.ones(1) for i in "1234"}}
    got = {"a": torch.zeros(3, 2), "b": torch.zeros(1), "d": torch.zeros(1)}
    with pytest.raises(InputError) as error:
        weights.require_fit(Path("w.bin"), "vit_x", *weights.differences(want, got))
    for part in (
        "w.bin",
        "vit_x",
        "4 missing: c1, c2, c3, ...",
        "1 unexpected: d",
        "1 of another shape: a (3, 2) instead of (2, 3)",
    ):
        assert part in str(error.value)
    weights.require_fit(Path("w.bin"), "vit_x", *weights.differences(want, want))


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"weights": "hub:some/model"}, "needs a revision"),
        ({"weights": "hub:model", "revision": COMMIT}, "is not a hub id"),
        ({"weights": "here", "revision": COMMIT}, "remove it for a local path"),
        ({"weights": "here", "licence": None, "loader": "keras"}, "open_clip"),
        ({"wieghts": "here"}, "weights"),
    ],
)
def test_a_backbone_block_at_fault(changes, fault):
    with pytest.raises(ValueError, match=fault):
        Backbone(**{**HUB, "weights": "here", **changes})
