"""The app of an exported model, in headless Chromium, beside the predict.py of the same export."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from support import app, people
from support.chromium import Tab, installed
from support.projects import MADE, PROJECT, Project, copy

BINARY = installed()
pytestmark = [
    pytest.mark.skipif(BINARY is None, reason="no Chromium or Chrome is installed"),
    pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed"),
]

COCO = os.environ.get("STILLACT_COCO")
NAMES = ["Läuft & rennt", "<b>sitzt</b>", 'steht, "aufrecht"']
MODULES = {"worker.mjs", "decoding.mjs", "containers.mjs", "colours.mjs", "preprocessing.mjs"}
MODULES |= {"resampling.mjs"}
RUNTIME = {"ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"}


@pytest.fixture(scope="module")
def made(exported, tmp_path_factory):
    """A copy of the finished study, with the app of its model."""
    folder = tmp_path_factory.mktemp("app") / "copy"
    project = copy(exported.folder, folder, *PROJECT, *MADE)
    project.run("--", "app")
    return project


@pytest.fixture
def browser(tmp_path):
    with Tab(BINARY, tmp_path / "profile") as tab:
        yield tab


def photos(folder: Path, results: Path) -> list[Path]:
    """Photos of COCO, or else scenes of the study, and some of other kinds; the last two cannot be
    read."""
    folder.mkdir()
    if COCO:
        for file in sorted(Path(COCO, "val2017").glob("*.jpg"))[:6]:
            shutil.copy(file, folder)
    Project(results.parent).copy_photos(6, folder)
    found = sorted(folder.iterdir())
    with Image.open(found[0]) as image:
        scene = image.convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: to be turned by 90 degrees
    scene.save(folder / "turned.jpg", exif=exif, quality=95)
    ramp = np.linspace(0, 255, scene.width).astype(np.uint8)
    scene.putalpha(Image.fromarray(np.tile(ramp, (scene.height, 1))))
    scene.save(folder / "=clear & <b>.png")
    (folder / "cut.jpg").write_bytes((folder / "turned.jpg").read_bytes()[:-900])
    (folder / "no image.png").write_text("text")
    others = ["turned.jpg", "=clear & <b>.png", "cut.jpg", "no image.png"]
    return [*found, *(folder / name for name in others)]


def said(export: Path, folder: Path, files: list[Path]) -> list[dict[str, str]]:
    """What predict.py --csv writes."""
    command = [sys.executable, "-I", export / "predict.py", "--csv"]
    done = subprocess.run(
        [*command, *(file.name for file in files)], cwd=folder, capture_output=True, text=True
    )
    return list(csv.DictReader(io.StringIO(done.stdout)))


def check_same(found: list[dict[str, str]], expected: list[dict[str, str]]) -> None:
    assert [list(row) for row in found] == [list(row) for row in expected]
    for here, there in zip(found, expected, strict=True):
        numbers = [name for name in there if name.startswith("prob_") or name == "confidence"]
        same = [name for name in there if name not in [*numbers, "reason"]]
        assert [here[name] for name in same] == [there[name] for name in same]
        assert bool(here["reason"]) == bool(there["reason"])
        if there["status"] == "ok":
            for name in numbers:
                assert float(here[name]) == pytest.approx(float(there[name]), abs=1e-3), here


def test_the_app_predicts_as_predict_py_does(made, browser, tmp_path):
    assert "Nothing to be done" in made.run("--", "app")
    app_of = made.folder / "results/export/app"
    licence = {"onnxruntime-web.LICENSE.txt"}
    assert {path.name for path in app_of.iterdir()} == MODULES | RUNTIME | licence
    check(made.folder / "results", browser, tmp_path, person=False)


def test_so_it_does_with_a_detector(with_people, browser, tmp_path):
    project = copy(with_people.folder, tmp_path / "copy", *PROJECT, *MADE)
    project.configure(people.CHANGES, {"deploy": "clip_pair"})
    project.run("--", "app")
    check(project.folder / "results", browser, tmp_path, person=True)


def check(results: Path, browser: Tab, tmp_path: Path, person: bool) -> None:
    export = shutil.copytree(results / "export", tmp_path / "export")
    config = json.loads((export / "config.json").read_text())
    assert bool(config["detector"]) == person
    config["classes"] = NAMES  # any text
    (export / "config.json").write_text(json.dumps(config))
    files = photos(tmp_path / "photos", results)
    expected = said(export, tmp_path / "photos", files)
    assert [row["status"] for row in expected[-3:]] == ["ok", "unreadable", "unreadable"]

    with app.served(export) as url:
        browser.open(f"{url}/app.html")
        app.until(browser, app.READY)
        app.choose(browser, files)
        app.until(browser, app.DONE)
        (tmp_path / "table").mkdir()
        check_same(app.downloaded(browser, tmp_path / "table"), expected)
        check_shown(browser, files, expected)
        asked = [one for one in browser.requests if not one.startswith(("blob:", "data:"))]
        assert asked
        assert all(one.startswith(f"{url}/") for one in asked)
    assert browser.complaints == []


def check_shown(browser: Tab, files: list[Path], expected: list[dict[str, str]]) -> None:
    """The cards and the list of what cannot be read."""
    shown = browser.run(
        "[...document.querySelectorAll('.card')].map(card => [card.querySelector('.id').innerText,"
        "card.querySelector('strong').innerText, !!card.querySelector('.unsure'),"
        "[...card.querySelectorAll('.shares li > :first-child')].map(name => name.innerText)])"
    )
    read = [row for row in expected if row["status"] == "ok"]
    unsure = [row["abstain"] == "yes" for row in read]
    assert shown == [
        [file.name, row["predicted"], doubt, NAMES]
        for file, row, doubt in zip(files, read, unsure, strict=False)
    ]
    assert browser.run("document.querySelectorAll('#cards b').length") == 0
    reasons = "[...document.querySelectorAll('#reasons td:first-child')].map(td => td.innerText)"
    assert browser.run(reasons) == ["cut.jpg", "no image.png"]
    status = browser.run(app.STATUS)
    assert status.startswith(f"{len(read)} photos predicted")
    assert status.endswith("2 cannot be read.")
    widths = "document.querySelector('.card img').naturalWidth"
    assert browser.run(widths) > 10


def test_a_page_opened_as_a_file_says_how_to_open_it(made, browser):
    browser.open((made.folder / "results/export/app.html").as_uri())
    told = browser.run("document.querySelector('#from-file').innerText")
    assert "python -m http.server" in told
    assert browser.run("document.querySelector('#choose').checkVisibility()") is False


def test_a_stop_leaves_the_rest(made, browser, tmp_path):
    files = photos(tmp_path / "photos", made.folder / "results")[:6]
    with app.served(made.folder / "results/export") as url:
        browser.open(f"{url}/app.html")
        app.until(browser, app.READY)
        browser.run(
            "new MutationObserver(() => document.querySelector('#stop').click())"
            ".observe(document.querySelector('#cards'), {childList: true})"
        )
        app.choose(browser, files)
        app.until(browser, app.DONE)
        assert "Stopped; " in browser.run(app.STATUS)
        assert 0 < browser.run(CARDS) < len(files)
        browser.run("document.querySelector('#clear').click()")
        assert browser.run(CARDS) == 0
        assert browser.run("document.querySelector('#results').hidden")


CARDS = "document.querySelectorAll('.card').length"


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_a_dropped_folder_is_searched_and_the_page_is_as_wide_as_its_window(
    width, made, browser, tmp_path
):
    files = photos(tmp_path / "photos", made.folder / "results")
    (tmp_path / "photos/inner").mkdir()
    shutil.copy(files[0], tmp_path / "photos/inner/deep.JPG")
    (tmp_path / "photos/notes.txt").write_text("no photo")
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 1000}
    browser.send("Emulation.setDeviceMetricsOverride", **size)
    with app.served(made.folder / "results/export") as url:
        browser.open(f"{url}/app.html")
        app.until(browser, app.READY)
        app.drop(browser, [tmp_path / "photos"])
        app.until(browser, app.DONE)
        assert browser.run(CARDS) == len(files) - 1  # two cannot be read, one is in the subfolder
        # textContent: cards outside of the window are not laid out, and have no innerText
        names = browser.run("[...document.querySelectorAll('.id')].map(p => p.textContent)")
        assert "photos/inner/deep.JPG" in names
        assert browser.run("document.documentElement.scrollWidth") <= width
