"""The fetcher against a server that misbehaves, on real files and real limits."""

import contextlib
import hashlib
import io
import itertools
import json
import os
import pty
import resource
import signal
import socket
import ssl
import subprocess
import sys
import termios
import time
import warnings
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest
from PIL import Image, PngImagePlugin

from stillact.config.data import Dataset, Fetch
from stillact.core import tables
from stillact.core.errors import InputError
from stillact.core.logs import logger
from stillact.core.version import __version__
from stillact.data import pixels
from stillact.data.fetch import cache, decode, fetcher, network, progress
from support.fault_server import FaultServer, huge_png, photo

LIBRARY = Path(fetcher.__file__).parents[3]
PHOTOS = Path(__file__).parents[3] / "support/photos"

# Fetches, once or more, in a process of its own: what it is given, and what it tells, are JSON.
DRIVER = """
import json, sys
from pathlib import Path
import pandas as pd
from stillact.config.data import Dataset, Fetch
from stillact.core.errors import InputError
from stillact.data.fetch import fetcher
given = json.loads(sys.argv[1])
try:
    for rows in given["runs"]:
        fetcher.fetch_all(pd.DataFrame(rows), Fetch(**given["settings"]),
                          Dataset(**given["dataset"]), Path())
    told = ""
except InputError as error:
    told = str(error)
cache = Path(given["dataset"]["cache"])
files = {str(p.relative_to(cache)): p.stat().st_size for p in cache.rglob("*") if p.is_file()}
print(json.dumps({"told": told, "files": files}))
"""


def rows(urls, sha256=""):
    return pd.DataFrame(
        {"id": [f"row{i}" for i in range(len(urls))], "url": urls, "sha256": sha256}
    )


def settings(**changes):
    return Fetch(**{"backoff_s": 0.001, "max_wait_s": 5, "timeout_s": 5, **changes})


def dataset(cache, **changes):
    return Dataset(
        **{"name": "d", "manifest": "m.csv", "classes": ["a", "b"], "cache": str(cache), **changes}
    )


@pytest.fixture
def get(tmp_path):
    """Fetch URLs into a cache, leaving out what cannot be had."""

    def get(
        urls,
        sha256="",
        base=tmp_path,
        cache=None,
        local_dirs=(),
        on_missing="drop",
        anywhere=True,
        **changes,
    ):
        data = dataset(
            cache or tmp_path / "cache",
            local_dirs=list(map(str, local_dirs)),
            on_missing=on_missing,
            allow_private_hosts=anywhere,
        )
        return fetcher.fetch_all(rows(urls, sha256), settings(**changes), data, base)

    return get


@pytest.fixture
def reason(get, server):
    """The reason that a URL's row gets, next to a photo that can be had."""

    def reason(path, sha256="", **changes):
        table = get([server.url + path, f"{server.url}/photo/good"], [sha256, ""], **changes)
        assert list(table.status) == ["missing", "ok"]
        assert table.loc[0, ["sha256", "mode"]].tolist() == ["", ""]
        assert table.loc[0, ["width", "height", "bytes"]].isna().all()
        return table.reason[0]

    return reason


def sha(content):
    return hashlib.sha256(content).hexdigest()


def image(kind, size=(5, 3), mode="RGB", **save):
    with io.BytesIO() as file:
        Image.new(mode, size).save(file, kind, **save)
        return file.getvalue()


def intact(cache):
    """The hashes of all photos in a cache; each must be that of its content."""
    files = [path for path in cache.glob("??/*")]
    assert all(sha(path.read_bytes()) == path.name for path in files)
    return {path.name for path in files}


def test_table_of_what_was_fetched(get, server, tmp_path):
    table = get([f"{server.url}/photo/a", f"{server.url}/status/404/b"])
    a = photo("a")
    assert table.columns.tolist() == [
        "id",
        "url",
        "status",
        "reason",
        "sha256",
        "width",
        "height",
        "mode",
        "bytes",
    ]
    assert table.iloc[0].tolist() == [
        "row0",
        f"{server.url}/photo/a",
        "ok",
        "",
        sha(a),
        24,
        16,
        "RGB",
        len(a),
    ]
    assert cache.cached(tmp_path / "cache", sha(a)).read_bytes() == a
    tables.write_csv(table, tmp_path / "images.csv")
    assert (tmp_path / "images.csv").read_text().splitlines()[1:] == [
        f"row0,{server.url}/photo/a,ok,,{sha(a)},24,16,RGB,{len(a)}",
        f"row1,{server.url}/status/404/b,missing,HTTP 404 Not Found,,,,,",
    ]
    assert len(server.agents) == 1
    assert server.agents.pop().startswith(f"stillact/{__version__} (")


def test_cached_photo_that_is_gone(tmp_path):
    with pytest.raises(InputError, match=r"has no photo abc.*snakemake --forcerun fetch"):
        cache.cached(tmp_path, "abc")


def test_second_run_asks_for_nothing_and_a_new_row_for_one(get, server):
    urls = [f"{server.url}/photo/{i}" for i in range(5)]
    first = get(urls)
    assert server.requests == {f"/photo/{i}": 1 for i in range(5)}
    pd.testing.assert_frame_equal(get(urls), first)
    assert sum(server.requests.values()) == 5
    assert list(get([*urls, f"{server.url}/photo/new"]).status) == ["ok"] * 6
    assert server.requests == {f"/photo/{i}": 1 for i in range(5)} | {"/photo/new": 1}


def test_photo_with_known_hash_is_found_in_the_cache_under_another_url(get, server):
    get([f"{server.url}/photo/a"])
    assert get([f"{server.url}/status/404/a"], sha(photo("a"))).status[0] == "ok"
    assert "/status/404/a" not in server.requests


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410])
def test_refusals_are_not_tried_again(reason, server, code):
    assert reason(f"/status/{code}/x") == f"HTTP {code} {httpx.codes.get_reason_phrase(code)}"
    assert server.requests[f"/status/{code}/x"] == 1


@pytest.mark.parametrize("code", [408, 425, 429, 500, 503])
def test_passing_faults_are_tried_again(reason, get, server, code):
    text = f"HTTP {code} {httpx.codes.get_reason_phrase(code)}"
    assert reason(f"/status/{code}/x", attempts=3) == text
    assert server.requests[f"/status/{code}/x"] == 3
    assert get([f"{server.url}/flaky/{code}/2/x"], attempts=3).status[0] == "ok"
    assert server.requests[f"/flaky/{code}/2/x"] == 3


def waited(server, path):
    first, second = server.times[path]
    return second - first


def test_retry_after_is_honoured(get, server):
    paths = ["/busy/1/x", "/busy_until/2/x", "/busy/soon/x"]  # a date has no fractions of seconds
    assert (get([server.url + path for path in paths]).status == "ok").all()
    assert 1 <= waited(server, paths[0]) < 2
    assert 1 <= waited(server, paths[1]) < 2.5
    assert waited(server, paths[2]) < 1


def test_retry_after_is_bounded(get, server):
    assert get([f"{server.url}/busy/3600/x"], max_wait_s=0.3).status[0] == "ok"
    assert 0.3 <= waited(server, "/busy/3600/x") < 2


def test_backoff_doubles(get, server):
    assert get([f"{server.url}/flaky/500/3/x"], backoff_s=0.1).status[0] == "ok"
    times = server.times["/flaky/500/3/x"]
    waits = [later - earlier for earlier, later in itertools.pairwise(times)]
    for wait, middle in zip(waits, (0.1, 0.2, 0.4), strict=True):
        assert middle / 2 <= wait < middle * 1.5 + 0.2


def test_silence_ends_in_time(reason, get, server):
    assert reason("/stall/9/x", timeout_s=0.3, attempts=2) == "no answer in time"
    assert server.requests["/stall/9/x"] == 2
    assert get([f"{server.url}/stall/1/y"], timeout_s=0.5).status[0] == "ok"


def test_dripping_ends_in_time(reason):
    start = time.monotonic()
    assert reason("/drip/x", timeout_s=0.08, attempts=5) == "sent too slowly"
    assert time.monotonic() - start < 10


def test_broken_connections_are_tried_again(reason, get, server):
    assert reason("/reset/x", attempts=2) == "connection broke off"
    assert reason("/cut/9/x", attempts=2) == "connection broke off"
    assert reason("/cut_unseen/x", attempts=2) == "damaged image"
    for path in ("/reset/x", "/cut/9/x", "/cut_unseen/x"):
        assert server.requests[path] == 2
    assert get([f"{server.url}/cut/1/y"]).status[0] == "ok"


def test_nobody_listens(get, server):
    with FaultServer() as gone:
        pass
    table = get([f"{gone.url}/photo/x", f"{server.url}/photo/good"], attempts=2)
    assert table.reason[0] == "connection failed"


def test_page_in_place_of_a_photo(reason, server):
    assert reason("/html/x") == "not an image (a web page)"
    assert server.requests["/html/x"] == 1
    server.contents |= {"empty": b"", "icon": image("ICO")}
    assert reason("/given/empty") == "not an image (empty)"
    assert reason("/given/icon") == "not an image (of an unknown format)"


@pytest.mark.parametrize("kind", [kind for kind in decode.FORMATS if kind != "HEIF"])
def test_formats(get, server, kind):
    server.contents["x"] = image(kind)
    table = get([f"{server.url}/given/x"])
    assert table.loc[0, ["status", "width", "height"]].tolist() == ["ok", 5, 3]


@pytest.mark.parametrize(("turned", "size"), [("", [64, 48]), ("_turned", [48, 64])])
def test_heic(get, server, turned, size):
    server.contents["x"] = (PHOTOS / f"quadrants{turned}.heic").read_bytes()
    table = get([f"{server.url}/given/x"])
    assert table.loc[0, ["status", "width", "height"]].tolist() == ["ok", *size]


@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "AVIF"])
def test_size_is_that_of_the_upright_photo(get, server, kind):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    server.contents["x"] = image(kind, exif=exif.tobytes())
    for _ in ("fetched", "cached"):
        table = get([f"{server.url}/given/x"])
        assert table.loc[0, ["width", "height"]].tolist() == [3, 5]


def test_damage_behind_the_header(reason, server):
    png = bytearray(image("PNG", (50, 50)))
    png[-13] ^= 1  # the end of the pixels' checksum; 12 bytes of end mark follow
    server.contents |= {"png": bytes(png), "jpeg": photo("x", (200, 200))[:-2000]}
    assert reason("/given/png", attempts=1) == "damaged image"
    assert reason("/given/jpeg", attempts=1) == "damaged image"


def test_a_jpeg_that_lacks_only_its_end_marker_is_used_with_a_warning(get, tmp_path, caplog):
    whole = photo("x", (200, 200))
    (tmp_path / "a.jpg").write_bytes(whole[:-2])
    (tmp_path / "cut.jpg").write_bytes(whole[:-20])
    with caplog.at_level("WARNING", logger.name):
        table = get(["a.jpg", "cut.jpg"])
    assert table.reason.tolist() == ["", "damaged image"]
    assert table.sha256[0] == sha(whole[:-2])
    about_the_file = [one for one in caplog.messages if "end marker" in one]
    assert len(about_the_file) == 1
    assert about_the_file[0].startswith("a.jpg: this JPEG lacks")
    with pixels.stored(cache.cached(tmp_path / "cache", table.sha256[0])) as seen:
        expected = Image.open(io.BytesIO(whole))
        assert (np.asarray(pixels.upright(seen)) == np.asarray(expected)).all()


def test_too_many_bytes(reason, server):
    limit = "too large (over fetch.max_bytes 100000)"
    assert reason("/endless/x", max_bytes=100_000) == limit
    server.contents["exact"] = image("BMP", (32, 32))
    size = len(server.contents["exact"])
    assert reason("/given/exact", max_bytes=size - 1).startswith("too large")
    assert server.requests == {"/endless/x": 1, "/given/exact": 1, "/photo/good": 1}


def test_bytes_at_the_limit(get, server):
    server.contents["exact"] = image("BMP", (32, 32))
    get([f"{server.url}/given/exact"], max_bytes=len(server.contents["exact"]))


def test_too_many_pixels(reason, server):
    with warnings.catch_warnings(action="error"):
        assert reason("/huge/x") == "too many pixels (over fetch.max_pixels 100000000)"
        server.contents["small"] = image("PNG", (20, 20))
        text = "too many pixels (over fetch.max_pixels 399)"
        assert reason("/given/small", max_pixels=399) == text
    assert len(huge_png()) < 1000


def test_large_photo_within_the_limit_gives_no_warning(get, server):
    before = Image.MAX_IMAGE_PIXELS
    server.contents["large"] = image("PNG", (9500, 9500), "1")
    assert before < 9500**2  # Pillow alone would warn
    with warnings.catch_warnings(action="error"):
        assert get([f"{server.url}/given/large"]).width[0] == 9500
    assert before == Image.MAX_IMAGE_PIXELS


def test_redirects(reason, get, server):
    assert get([f"{server.url}/chain/3/x"], max_redirects=3).sha256[0] == sha(photo("x"))
    text = "too many redirects (over fetch.max_redirects 2)"
    assert reason("/chain/3/y", max_redirects=2) == text
    assert reason("/loop/x", max_redirects=2) == text
    assert server.requests["/loop/x"] == 3


@pytest.mark.parametrize(
    ("location", "text"),
    [
        ("file:///etc/hostname", "redirect to a scheme other than http and https"),
        ("ftp://127.0.0.1/x.jpg", "redirect to a scheme other than http and https"),
        ("http://127.0.0.1:99999/x.jpg", "not a valid address"),
    ],
)
def test_redirect_to_where_no_photo_can_be(reason, server, location, text):
    server.locations["x"] = location
    assert reason("/to/x") == text
    assert server.requests["/to/x"] == 1


@pytest.fixture
def outside(get, tmp_path):
    """The reasons of URLs that may not lead into one's own network."""

    def outside(*urls):
        (tmp_path / "good.jpg").write_bytes(photo("good"))
        table = get([*urls, "good.jpg"], anywhere=False, attempts=1, timeout_s=5)
        return table.reason[:-1].tolist()

    return outside


@pytest.mark.parametrize("proxy", [False, True])
def test_addresses_of_ones_own_network(outside, server, monkeypatch, proxy):
    if proxy:
        monkeypatch.setenv("HTTP_PROXY", server.url)
        monkeypatch.setenv("NO_PROXY", "none.example")
    hosts = ["127.0.0.1", "2130706433", "0x7f.1", "127.1", "0.0.0.0", "10.1.2.3"]
    hosts += ["169.254.169.254", "192.168.0.1", "100.64.0.1", "224.0.0.1", "[::1]", "[::]"]
    hosts += ["[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"]
    hosts += ["[fe80::1]", "[fd00::1]"]
    port = server.http.server_port
    reasons = outside(*(f"http://{host}:{port}/photo/x" for host in hosts))
    assert dict(zip(hosts, reasons, strict=True)) == dict.fromkeys(hosts, "private address")
    assert server.requests == {}


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_addresses_of_the_internet(address):
    assert network.public(address)


def test_a_name_is_judged_by_the_address_that_is_connected_to(outside, server, monkeypatch):
    """So that a name which stands for another address at each look (rebinding) gains nothing."""
    looks, real = [], socket.getaddrinfo

    def look(host, *rest, **how):
        if host not in ("rebinds.example", b"rebinds.example"):
            return real(host, *rest, **how)
        looks.append(host)
        return real("127.0.0.1", *rest, **how)

    monkeypatch.setattr(socket, "getaddrinfo", look)
    port = server.http.server_port
    urls = [f"http://{host}:{port}/photo/x" for host in ("rebinds.example", "localhost")]
    assert outside(*urls) == ["private address"] * 2
    assert len(looks) == 1
    assert server.requests == {}


def test_a_redirect_into_ones_own_network(outside, server, monkeypatch):
    real = network.public
    monkeypatch.setattr(network, "public", lambda ip: ip == "127.0.0.1" or real(ip))
    port = server.http.server_port
    server.locations |= {"x": f"http://127.0.0.2:{port}/photo/x", "y": f"{server.url}/photo/y"}
    assert outside(f"{server.url}/to/x", f"{server.url}/to/y") == ["private address", ""]
    assert "/photo/x" not in server.requests


def test_a_proxy_may_be_private(outside, get, server, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", server.url)
    monkeypatch.setenv("HTTPS_PROXY", server.url)
    told = outside("http://photos.example/photo/x", "https://photos.example/photo/y")
    assert told == ["", "proxy refused"]  # this one knows no CONNECT
    assert server.requests == {"http://photos.example/photo/x": 1}
    with pytest.raises(InputError, match="HTTPS_PROXY or HTTP_PROXY names a proxy that refuses"):
        get(["https://photos.example/photo/y"], attempts=1)


def test_certificate_of_ones_own(get, tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=photos",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-keyout",
            key,
            "-out",
            certificate,
        ],
        check=True,
        capture_output=True,
    )
    with FaultServer() as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.http.socket = context.wrap_socket(server.http.socket, server_side=True)
        url = server.url.replace("http:", "https:") + "/photo/x"
        with pytest.raises(InputError, match=r"certificate is not trusted.*SSL_CERT_FILE"):
            get([url], attempts=1)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert get([url]).status[0] == "ok"


def test_what_is_no_photo_whatever_its_name(reason, get, server):
    """A drawing with a script, a photo that is a page too, and text that unpacks to 20 MB."""
    bomb = PngImagePlugin.PngInfo()
    bomb.add_text("Comment", "0" * 20_000_000, zip=True)
    server.contents |= {
        "x.jpg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
        "both.jpg": photo("a") + b"<script>alert(1)</script>",
        "bomb.png": image("PNG", pnginfo=bomb),
    }
    assert reason("/given/x.jpg") == "not an image (an SVG drawing)"
    assert reason("/given/bomb.png", attempts=1) == "damaged image"
    table = get([f"{server.url}/given/both.jpg"])  # its pixels alone are ever used
    assert table.loc[0, ["status", "width"]].tolist() == ["ok", 24]


def test_other_photo_than_the_manifest_means(reason, tmp_path):
    meant, found = sha(photo("y")), sha(photo("x"))
    assert reason("/photo/x", meant) == f"sha256 differs (manifest {meant}, file {found})"
    assert intact(tmp_path / "cache") == {sha(photo("good"))}


def test_same_content_twice(get, server, tmp_path):
    server.contents |= {"a": photo("a"), "b": photo("a")}
    urls = [f"{server.url}/given/{name}" for name in "aba"]
    assert set(get(urls).sha256) == intact(tmp_path / "cache") == {sha(photo("a"))}


@pytest.mark.parametrize(("changes", "most"), [({"per_host": 2}, 2), ({"concurrency": 3}, 3)])
def test_requests_under_way_at_once(get, server, changes, most):
    get([f"{server.url}/slow/{i}" for i in range(12)], **changes)
    assert server.most_at_once == most


def test_busy_host_does_not_hold_up_another(get, server):
    with FaultServer() as other:
        urls = [f"{server.url}/stall/9/{i}" for i in range(4)]
        elsewhere = other.url.replace("127.0.0.1", "localhost")
        table = get(
            [*urls, f"{elsewhere}/photo/x"], concurrency=2, per_host=1, timeout_s=0.3, attempts=1
        )
        assert table.status.tolist() == ["missing"] * 4 + ["ok"]
        begun = [server.times[path][0] for path in sorted(server.times)]
        assert other.times["/photo/x"][0] < sorted(begun)[1]


def test_relative_path_and_file_url(get, tmp_path):
    base, content = tmp_path / "photos", photo("a")
    base.mkdir()
    (base / "a b.jpg").write_bytes(content)
    urls = ["a b.jpg", str(base / "a b.jpg"), f"file://{base}/a%20b.jpg", "none.jpg", "."]
    table = get(urls, base=base)
    assert table.sha256.tolist() == [sha(content)] * 3 + [""] * 2
    assert table.reason[3:].tolist() == ["no such file", "a folder"]
    assert intact(tmp_path / "cache") == {sha(content)}


def test_local_file_that_changed_is_read_anew(get, tmp_path):
    for name in "ab":
        (tmp_path / "x.jpg").write_bytes(photo(name))
        assert get(["x.jpg"]).sha256[0] == sha(photo(name))


def test_local_file_that_cannot_be_had(get, tmp_path):
    (tmp_path / "page.jpg").write_bytes(b"<html>")
    (tmp_path / "good.jpg").write_bytes(photo("good"))
    (tmp_path / "big.jpg").write_bytes(photo("big", (200, 200)))
    table = get(["page.jpg", "big.jpg", "good.jpg"], max_bytes=10_000)
    assert table.reason.tolist() == [
        "not an image (a web page)",
        "too large (over fetch.max_bytes 10000)",
        "",
    ]


def test_what_is_no_regular_file_is_not_read(get, tmp_path):
    (tmp_path / "good.jpg").write_bytes(photo("good"))
    os.mkfifo(tmp_path / "pipe.jpg")  # reading it would never end
    (tmp_path / "folder.jpg").mkdir()
    table = get(["pipe.jpg", "folder.jpg", "/proc/kmsg", "good.jpg"])
    assert table.reason.tolist() == [
        "not a regular file",
        "a folder",
        "not an image (empty)",
        "",
    ]


def test_what_a_file_holds_instead_of_a_photo_is_not_shown(get, tmp_path):
    (tmp_path / "secrets.env").write_text("HF_TOKEN=hf_very_secret")
    (tmp_path / "good.jpg").write_bytes(photo("good"))
    table = get(["secrets.env", "good.jpg"])
    assert table.reason[0] == "not an image (text)"


@pytest.mark.parametrize(("side", "fits"), [(100, True), (101, False)])
def test_a_sliver_is_refused(get, tmp_path, side, fits):
    """Scaled to the side of a model's input, it would take gigabytes."""
    for size in ((1, side), (side, 1)):
        Image.new("RGB", size).save(tmp_path / f"{size[0]}.png")
    (tmp_path / "good.jpg").write_bytes(photo("good"))
    table = get(["1.png", f"{side}.png", "good.jpg"])
    assert set(table.reason[:2]) == {"" if fits else f"too long and thin ({side} by 1 pixels)"}


def test_pixels_without_a_scale_are_told(get, tmp_path):
    Image.fromarray(np.array([[0, 70_000]], np.float32)).save(tmp_path / "deep.tif")
    (tmp_path / "good.jpg").write_bytes(photo("good"))
    reason = get(["deep.tif", "good.jpg"]).reason[0]
    assert reason.startswith("pixels without a scale (grey values from 0 to 70000")


def test_too_little_memory_is_no_fault_of_the_photo(tmp_path):
    (tmp_path / "a.png").write_bytes(image("PNG"))
    with pytest.raises(MemoryError), decode.opened(tmp_path / "a.png", settings()):
        raise MemoryError


def test_local_dirs_come_before_the_network(get, server, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a b.jpg").write_bytes(photo("local"))
    urls = [f"{server.url}/photo/a%20b.jpg?size=1", f"{server.url}/photo/c.jpg"]
    table = get(urls, local_dirs=[tmp_path / "mine"])
    assert table.sha256.tolist() == [sha(photo("local")), sha(photo("c.jpg"))]
    assert server.requests == {"/photo/c.jpg": 1}
    # another host's file of this name is another photo
    assert get([urls[0].split("?")[0]]).sha256[0] == sha(photo("a%20b.jpg"))


def test_local_dirs_with_another_photo_or_a_damaged_one(get, server, tmp_path):
    (tmp_path / "a.jpg").write_bytes(photo("other"))
    (tmp_path / "b.jpg").write_bytes(photo("b.jpg")[:300])
    urls = [f"{server.url}/photo/{name}.jpg" for name in "ab"]
    table = get(urls, [sha(photo("a.jpg")), ""], local_dirs=[tmp_path])
    assert table.sha256.tolist() == [sha(photo(f"{name}.jpg")) for name in "ab"]


def test_local_dirs_with_one_file_for_two_photos(get, server, tmp_path):
    (tmp_path / "001.jpg").write_bytes(photo("local"))
    urls = [f"{server.url}/photo/{name}/001.jpg" for name in ("anna", "bert")]
    with pytest.raises(InputError, match=r"001\.jpg has the name of two photos, row0 .* and row1"):
        get(urls, local_dirs=[tmp_path])
    for name in ("anna", "bert"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "001.jpg").write_bytes(photo(name))
    table = get(urls, local_dirs=[tmp_path])
    assert table.sha256.tolist() == [sha(photo("anna")), sha(photo("bert"))]


def test_a_manifest_of_others_reads_only_files_of_its_folder(get, tmp_path):
    base, outside = tmp_path / "study", tmp_path / "outside.jpg"
    base.mkdir()
    (base / "in.jpg").write_bytes(photo("in"))
    outside.write_bytes(photo("outside"))
    (base / "link.jpg").symlink_to(outside)
    urls = ["in.jpg", "link.jpg", "../outside.jpg", outside.as_uri()]
    table = get(urls, base=base, anywhere=False)
    assert table.status.tolist() == ["ok", *["missing"] * 3]
    assert set(table.reason[1:]) == {"a file outside the manifest's folder"}
    assert set(get(urls, base=base).status) == {"ok"}


def test_secrets_of_an_address_are_not_shown(get, server, tmp_path):
    url = f"{server.url}/photo/a.jpg?X-Amz-Signature=abc"
    table = get([url, f"{server.url}/status/404/x?token=abc"])
    assert [text.rpartition("?")[2] for text in table.url] == ["...", "..."]
    assert table.status.tolist() == ["ok", "missing"]
    with pytest.raises(InputError) as error:
        get([url, f"{server.url}/status/404/x?token=abc"], on_missing="fail")
    assert "abc" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:1"),
        ("http_proxy", "ftp://host:1"),
        ("NO_PROXY", "[::1]"),
        ("SSL_CERT_FILE", "/nowhere"),
        ("SSL_CERT_FILE", "{tmp}/not_a_certificate"),
    ],
)
def test_an_environment_that_cannot_be_used_is_named(
    get, server, tmp_path, monkeypatch, name, value
):
    (tmp_path / "not_a_certificate").write_text("none")
    (tmp_path / "a.jpg").write_bytes(photo("a"))
    monkeypatch.setenv("HTTP_PROXY" if name == "NO_PROXY" else name, "http://127.0.0.1:1")
    monkeypatch.setenv(name, value.format(tmp=tmp_path))
    with pytest.raises(InputError, match=name):
        get([f"{server.url}/photo/x"], anywhere=False)
    assert get(["a.jpg"]).status[0] == "ok"  # nothing is asked of the network


@pytest.mark.parametrize(("copies", "fails"), [(4, False), (5, True)])
def test_a_placeholder_for_many_photos_is_an_error(get, server, copies, fails):
    server.contents |= {f"gone{i}": photo("gone") for i in range(copies)}
    gone = [f"{server.url}/given/gone{i}" for i in range(copies)]
    others = [f"{server.url}/photo/{i}" for i in range(40 - copies)]
    if not fails:
        assert set(get(gone + others).status) == {"ok"}
        return
    with pytest.raises(InputError, match=r"5 of 40 photos are one and the same picture") as error:
        get(gone + others)
    assert all(f"row{i}" in str(error.value) for i in range(5))


def test_local_dirs_that_do_not_exist(get, tmp_path):
    with pytest.raises(InputError, match=r"dataset\.local_dirs .* no folder .*nowhere"):
        get(["x.jpg"], local_dirs=[tmp_path / "nowhere"])


def test_failures_are_told_by_reason(get, server, tmp_path):
    urls = [f"{server.url}/status/404/{i}" for i in range(7)]
    urls += [f"{server.url}/html/x", f"{server.url}/photo/good", f"{server.url}/status/500/y"]
    with pytest.raises(InputError) as error:
        get(urls, on_missing="fail", attempts=2)
    shown = "\n".join(f"    row{i}  {server.url}/status/404/{i}" for i in range(5))
    assert str(error.value) == (
        "could not fetch 9 of 10 photos of m.csv:\n"
        "  HTTP 404 Not Found: 7. Correct the url in the manifest, or remove the row.\n"
        f"{shown}\n"
        "    ... and 2 more\n"
        "  HTTP 500 Internal Server Error: 1. Try again: photos fetched so far are kept.\n"
        f"    row9  {server.url}/status/500/y\n"
        "  not an image: 1. Open it in a browser; the url must lead to a photo "
        "(JPEG, PNG, WEBP, GIF, BMP, TIFF, HEIF, AVIF, JPEG2000).\n"
        f"    row7  {server.url}/html/x  (a web page)\n"
        "To continue without them, set dataset.on_missing: drop in config.yaml."
    )
    assert intact(tmp_path / "cache") == {sha(photo("good"))}


def test_nothing_to_be_had_ends_the_study_all_the_same(get, server):
    with pytest.raises(InputError, match=r"could not fetch 2 of 2 photos of m\.csv") as error:
        get([f"{server.url}/status/404/{i}" for i in range(2)], on_missing="drop")
    assert "on_missing" not in str(error.value)


def test_two_runs_tell_the_same(get, server, tmp_path):
    kinds = ["status/404", "html", "huge", "reset", "cut/9", "loop", "photo", "endless"]
    urls = [f"{server.url}/{kind}/x" for kind in kinds]
    one, two = (get(urls, cache=tmp_path / n, attempts=2, max_bytes=10**5) for n in "ab")
    pd.testing.assert_frame_equal(one, two)


def test_damaged_cache_is_mended(get, server, tmp_path):
    url, content = f"{server.url}/photo/a", photo("a")
    first = get([url])
    place = cache.cached(tmp_path / "cache", sha(content))
    place.write_bytes(content[:-1])
    pd.testing.assert_frame_equal(get([url]), first)
    assert place.read_bytes() == content
    assert server.requests["/photo/a"] == 2


@pytest.mark.parametrize("content", ["", "../../secret", "\0" * 64])
def test_index_that_is_no_hash_is_not_followed(get, server, tmp_path, content):
    url = f"{server.url}/photo/a"
    first = get([url])
    (index,) = (tmp_path / "cache" / "urls").iterdir()
    index.write_text(content)
    pd.testing.assert_frame_equal(get([url]), first)
    assert index.read_text() == sha(photo("a"))


def test_left_over_parts_are_removed_once_they_are_old(get, server, tmp_path):
    parts = tmp_path / "cache" / "parts"
    parts.mkdir(parents=True)
    for name, age_s in (("killed", 2 * 3600), ("live", 60)):
        (parts / name).write_bytes(b"x")
        os.utime(parts / name, (time.time() - age_s,) * 2)
    get([f"{server.url}/photo/a"])
    assert [path.name for path in parts.iterdir()] == ["live"]


def command(runs, cache):
    given = {
        "runs": [rows(urls).to_dict("list") for urls in runs],
        "settings": settings(timeout_s=60).model_dump(),
        "dataset": dataset(cache).model_dump(),
    }
    return [sys.executable, "-c", DRIVER, json.dumps(given)]


def environment():
    return os.environ | {"PYTHONPATH": str(LIBRARY)}


@pytest.fixture
def too_much(server, tmp_path):
    """A fetch of one small photo, then of one of 25 kB as well, while a third stalls; and the
    check that it ends at once by a message, with the small photo whole and nothing else."""
    server.contents["big"] = photo("big", (200, 200))
    small, big = f"{server.url}/photo/a", f"{server.url}/given/big"
    cache = tmp_path / "cache"

    def check(why, before=(), **how):
        told = subprocess.run(
            [*before, *command([[small], [small, big, f"{server.url}/stall/9/x"]], cache)],
            env=environment(),
            capture_output=True,
            check=True,
            timeout=30,
            **how,
        )
        result = json.loads(told.stdout)
        assert result["told"] == (
            f"cannot write to the photo cache {cache} (dataset.cache in config.yaml): {why}, at "
            f"{big} ({len(server.contents['big'])} bytes). Make room there, or name another "
            "folder; photos fetched so far are kept"
        )
        a, url = sha(photo("a")), sha(small.encode())
        assert result["files"] == {f"{a[:2]}/{a}": len(photo("a")), f"urls/{url}": 64}

    return check


def test_file_that_the_system_refuses_to_write(too_much):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    too_much("File too large", preexec_fn=limit)


def test_disk_full(too_much, tmp_path):
    if subprocess.run(["unshare", "-rm", "true"], check=False).returncode:
        pytest.skip("mounting a small disk needs user namespaces; the test above needs none")
    mount = 'mount -t tmpfs -o size=32k small "$0" && exec "$@"'
    too_much("No space left on device", ["unshare", "-rm", "sh", "-c", mount, str(tmp_path)])


def indexed(cache):
    return len(list((cache / "urls").glob("*")))


def run_until(urls, cache, count, end):
    """Start a fetch, and end it by a signal once `count` URLs have been stored."""
    process = subprocess.Popen(
        command([urls], cache),
        env=environment(),
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored behind a `&`
    )
    deadline = time.monotonic() + 30
    while indexed(cache) < count:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.002)
    process.send_signal(end)
    return process.wait(timeout=30)


def test_killed_fetch_goes_on_where_it_stood(get, server, tmp_path):
    cache = tmp_path / "cache"
    urls = [f"{server.url}/slow/{i}" for i in range(40)]
    for count in (3, 25):
        assert run_until(urls, cache, count, signal.SIGKILL) == -signal.SIGKILL
        assert len(intact(cache)) >= count
    done, before = indexed(cache), server.requests
    table = get(urls)
    pd.testing.assert_frame_equal(table, get(urls, cache=tmp_path / "fresh"))
    assert (table.status == "ok").all()
    again = sum(server.requests[path] - before.get(path, 0) for path in server.requests)
    assert again == (len(urls) - done) + len(urls)  # the rest, then all for the fresh cache


def test_interrupted_fetch_keeps_what_it_has(server, tmp_path):
    urls = [f"{server.url}/photo/{i}" for i in range(5)] + [f"{server.url}/stall/9/x"]
    start = time.monotonic()
    assert run_until(urls, tmp_path / "cache", 5, signal.SIGINT) != 0
    assert time.monotonic() - start < 20  # it does not wait for the stalled one
    assert intact(tmp_path / "cache") == {sha(photo(str(i))) for i in range(5)}
    assert not list((tmp_path / "cache" / "parts").iterdir())


def test_progress_in_lines(get, server, monkeypatch, caplog):
    monkeypatch.setattr(logger, "propagate", True)
    monkeypatch.setattr(progress, "_LINE_S", 0.0)
    caplog.set_level("INFO", "stillact")
    get([f"{server.url}/photo/{i}" for i in range(3)] + [f"{server.url}/status/404/x"])
    assert len(caplog.messages) == 6
    assert caplog.messages[1].startswith("fetch: 2 of 4 photos, ")
    assert caplog.messages[1].endswith(" s left")
    assert caplog.messages[4].startswith("fetch: 4 of 4 photos in ")
    assert caplog.messages[4].endswith("(3 fetched, 1 missing)")
    assert caplog.messages[5].startswith("1 of 4 photos (25 %) are missing and left out")


def test_progress_bar_on_a_terminal(server, tmp_path):
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    subprocess.run(
        command([[f"{server.url}/photo/a"]], tmp_path / "cache"),
        env=environment(),
        stderr=theirs,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    os.close(theirs)
    shown = ""
    with contextlib.suppress(OSError):  # how the end of a terminal is told
        while chunk := os.read(ours, 1000):
            shown += chunk.decode()
    os.close(ours)
    assert "fetch: 100%" in shown
    assert "photo/s" in shown
