"""The runtime of the app out of an npm package of a registry of the test. The real one is fetched
by tests/e2e/test_app.py."""

import base64
import hashlib
import io
import json
import shutil
import tarfile

import pytest

from stillact.core.errors import InputError
from stillact.inference.onnxruntime_web import Package, take

pytestmark = pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
FILES = {"dist/run.mjs": b"export {}", "dist/run.wasm": b"\0asm", "dist/other.js": b"//"}


def tarball() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in FILES.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return file.getvalue()


CONTENT = tarball()
INTEGRITY = "sha512-" + base64.b64encode(hashlib.sha512(CONTENT).digest()).decode()
PACKAGE = Package("our-runtime", "1.2.0", INTEGRITY)
MEMBERS = ["dist/run.mjs", "dist/run.wasm"]


@pytest.fixture
def registry(server, monkeypatch, tmp_path_factory):
    """A registry with the package, which npm's environment names."""
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", f"{server.url}/given/")
    monkeypatch.setenv("NPM_CONFIG_CACHE", str(tmp_path_factory.mktemp("npm")))
    monkeypatch.setenv("NPM_CONFIG_FETCH_RETRIES", "0")
    dist = {"tarball": f"{server.url}/given/our-runtime-1.2.0.tgz", "integrity": INTEGRITY}
    version = {"name": "our-runtime", "version": "1.2.0", "dist": dist}
    about = {"name": "our-runtime", "dist-tags": {"latest": "1.2.0"}}
    server.contents["our-runtime"] = json.dumps(about | {"versions": {"1.2.0": version}}).encode()
    server.contents["our-runtime-1.2.0.tgz"] = CONTENT
    return server


def test_the_files_asked_for_are_taken_out(registry, tmp_path):
    take(PACKAGE, MEMBERS, tmp_path / "app")
    found = {path.name: path.read_bytes() for path in (tmp_path / "app").iterdir()}
    assert found == {"run.mjs": FILES["dist/run.mjs"], "run.wasm": FILES["dist/run.wasm"]}
    assert "/given/our-runtime-1.2.0.tgz" in registry.requests


@pytest.mark.parametrize(
    ("package", "members", "message"),
    [
        (
            Package("our-runtime", "1.2.0", "sha512-AAAA"),
            MEMBERS,
            r"^our-runtime@1.2.0: the package has the integrity sha512-\S+ instead of sha512-AAAA\."
            r" Start again; .*NPM_CONFIG_REGISTRY",
        ),
        (
            PACKAGE,
            ["dist/none.wasm"],
            "^our-runtime@1.2.0: the package has no file dist/none.wasm$",
        ),
        (
            Package("our-runtime", "2.0.0", INTEGRITY),
            MEMBERS,
            r"^our-runtime@2.0.0 cannot be fetched from npm's registry \(.*No matching version",
        ),
        (
            Package("no-runtime", "1.0.0", INTEGRITY),
            MEMBERS,
            r"^no-runtime@1.0.0 cannot be fetched from npm's registry \(.*404",
        ),
    ],
)
def test_an_unavailable_package_is_an_error_and_leaves_nothing(
    registry, tmp_path, package, members, message
):
    with pytest.raises(InputError, match=message):
        take(package, members, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("http://127.0.0.1:9", r"\(.*ECONNREFUSED.*\)\. .* set HTTPS_PROXY"),
        ("http://me:secret@127.0.0.1:9/npm", "ECONNREFUSED"),  # without the password
        ("registry.example", "Invalid URL"),
    ],
)
def test_an_unreachable_registry_is_an_error(registry, tmp_path, monkeypatch, address, message):
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", address)
    with pytest.raises(InputError, match=message) as error:
        take(PACKAGE, MEMBERS, tmp_path)
    assert "secret" not in str(error.value)
    assert "`snakemake export` needs no network" in str(error.value)


def test_without_npm_it_says_what_to_install(registry, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"npm, which is not installed: install Node\.js"):
        take(PACKAGE, MEMBERS, tmp_path / "app")
