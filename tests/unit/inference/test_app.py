"""The page of the app as it is written, and its modules in headless Chromium against predict.py's
libraries."""

import base64
import dataclasses
import hashlib
import importlib.util
import io
import json
import re
import shutil
import struct
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image, PngImagePlugin

from stillact.core.errors import InputError
from stillact.data import preprocess
from stillact.data.boxes import Box
from stillact.data.pixels import upright
from stillact.data.preprocessing import Preprocessing
from stillact.inference import app
from support import deployments
from support.app import served
from support.chromium import Tab, installed
from support.profiles import P3, profile

BINARY = installed()
in_browser = pytest.mark.skipif(BINARY is None, reason="no Chromium or Chrome is installed")
FOLDER = Path(__file__).parents[3] / "workflow/report"


# The page


def page(tmp_path, classes=("Läuft & rennt", "<b>sitzt</b>"), **changes) -> str:
    (tmp_path / "model.onnx").write_bytes(bytes(2_500_000))
    used = deployments.record(**changes)
    return app.build(used, classes, [tmp_path / "model.onnx"], FOLDER / "app.html.j2")


def test_the_page_says_what_the_model_is_and_how_good(tmp_path):
    found = page(tmp_path)
    assert "tiny (linear_probe) distinguishes Läuft &amp; rennt, &lt;b&gt;sitzt&lt;/b&gt;." in found
    assert "is 81\xa0% (95\xa0% interval 70 to 90), estimated on 30 photos, each" in found
    assert 'data-bytes="2500000"' in found
    assert "Warning" not in found
    assert "<strong>Warning:</strong> a &lt; b." in page(tmp_path, warning="a < b")


def test_the_page_allows_its_own_script_and_nothing_from_elsewhere(tmp_path):
    found = page(tmp_path)
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', found)
    (script,) = re.findall(r"(?s)<script>(.*?)</script>", found)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert set(re.findall(r"https?://[^\"<\s]+", found)) == {"http://localhost:8000/app.html"}


def test_a_model_that_is_too_large_for_a_browser_is_refused(tmp_path, monkeypatch):
    for name, size in (("model.onnx", 600), ("detector.onnx", 500)):
        (tmp_path / name).write_bytes(bytes(size * 1000))
    graphs = [tmp_path / "model.onnx", tmp_path / "detector.onnx"]
    app.check_size(graphs)
    monkeypatch.setattr(app, "LARGEST", 1_000_000)
    told = r"model.onnx \+ detector.onnx: 1 MB; .* at most 1 MB, since .*deploy: .* predict.py"
    with pytest.raises(InputError, match=told):
        app.check_size(graphs)


# Its modules


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    """A tab at the address of the modules, and their folder, to put photos in."""
    folder = tmp_path_factory.mktemp("modules")
    for file in FOLDER.glob("*.mjs"):
        shutil.copy(file, folder)
    (folder / "blank.html").write_text("<title>blank</title>")
    with served(folder) as url, Tab(BINARY, tmp_path_factory.mktemp("profile")) as tab:
        tab.open(f"{url}/blank.html")
        yield tab, folder


READ = """(async () => {
  const { decoded } = await import("/decoding.mjs");
  const { square } = await import("/preprocessing.mjs");
  const file = await (await fetch("/photo")).blob();
  try {
    const { photo } = await decoded(file);
    return VIEWS.map(([view, box]) => {
      const { width, height, data } = view ? square(photo, view, box) : photo;
      let bytes = "";
      for (let i = 0; i < data.length; i++) if (i % 4 < 3) bytes += String.fromCharCode(data[i]);
      return [width, height, btoa(bytes)];
    });
  } catch (error) {
    return error.message;
  }
})()"""


def seen(modules, content: bytes, views=((None, None),)) -> list[np.ndarray] | str:
    """What the browser makes of a file: pixels of each view, or why it cannot be read."""
    tab, folder = modules
    (folder / "photo").write_bytes(content)
    found = tab.run(
        READ.replace("VIEWS", json.dumps(views)).replace(
            '"/photo"', '"/photo", {cache: "no-store"}'
        )
    )
    if isinstance(found, str):
        return found
    return [
        np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 3)
        for width, height, data in found
    ]


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (max(2, height // 9), max(2, width // 9), 3), np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def stored(image: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


LOOKS = [
    Preprocessing(size, geometry, interpolation, crop)
    for size in (16, 61)
    for geometry in ("resize_crop", "squash", "letterbox")
    for interpolation in ("bicubic", "bilinear")
    for crop in (1.0, 0.875)
]
BOXES = [[3.2, 5.1, 60.4, 50.9], [-4.5, 20, 30.5, 90], [0, 0, 2, 2], [88.3, 60, 140, 130]]


@in_browser
@pytest.mark.parametrize("size", [(101, 67), (47, 133), (300, 7), (61, 61), (1, 1), (640, 427)])
def test_the_squares_are_pillows(modules, size):
    image = noise(*size)
    found = seen(modules, stored(image, "PNG"), [(vars(how), None) for how in LOOKS])
    for how, pixels in zip(LOOKS, found, strict=True):
        np.testing.assert_array_equal(pixels, np.asarray(preprocess.square(image, how)), str(how))


@in_browser
def test_the_regions_of_a_person_are_those_of_the_study(modules, tmp_path, monkeypatch):
    example = example_with(tmp_path, None, monkeypatch)
    image = noise(101, 91)
    looks = [
        dataclasses.replace(how, region=region)
        for how in LOOKS[::5]
        for region in ("person", "around")
    ]
    cases = [(how, box) for how in looks for box in [*BOXES, None]]
    found = seen(modules, stored(image, "PNG"), [(vars(how), box) for how, box in cases])
    for (how, box), pixels in zip(cases, found, strict=True):
        people = [] if box is None else [Box(*box)]
        expected = np.asarray(preprocess.of_upright(image, how, people))
        np.testing.assert_array_equal(pixels, expected, f"{how} {box}")
        of_example = example.square(image, vars(how), None if box is None else np.array(box))
        np.testing.assert_array_equal(of_example, expected, f"predict.py: {how} {box}")


@in_browser
def test_lanczos_is_pillows(modules):
    image = noise(101, 67)
    how = {**vars(LOOKS[0]), "geometry": "squash", "size": 33, "interpolation": "lanczos"}
    (found,) = seen(modules, stored(image, "PNG"), [(how, None)])
    expected = np.asarray(image.resize((33, 33), Image.Resampling.LANCZOS))
    np.testing.assert_array_equal(found, expected)


@in_browser
def test_numbers_are_rounded_as_python_rounds(modules):
    tab, _ = modules
    numbers = [0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 2.4999999, 7, 0.25, 0.75, 1.25, -0.25, -0.75, 0.05]
    numbers += [0.15, 0.35, 1.05, 100.25, 1e-9, *np.random.default_rng(0).normal(0, 90, 200)]
    for name, expected in (
        ("round", [round(number) for number in numbers]),
        ("tenth", [round(float(number), 1) for number in numbers]),
    ):
        given = list(map(float, numbers))
        script = f"import('/preprocessing.mjs').then(found => {given}.map(found.{name}))"
        assert tab.run(script) == expected


@in_browser
def test_the_person_is_that_of_predict_py(modules, tmp_path, monkeypatch):
    tab, _ = modules
    settings = {"input": "photos", "size": 64, "geometry": "letterbox", "crop": 1.0}
    settings |= {"interpolation": "bilinear", "min_score": 0.3, "most": 3, "overlap": 0.3}
    example = example_with(tmp_path, settings, monkeypatch)
    rng = np.random.default_rng(1)
    found = []
    for width, height in [(101, 67), (47, 133), (640, 427)] * 10:
        corners = rng.uniform(-0.2, 0.9, (12, 2))
        boxes = np.hstack([corners, corners + rng.uniform(0, 0.6, (12, 2))]).astype(np.float32)
        boxes[6:] = boxes[:6] + np.float32(0.02)  # the same people again
        scores = rng.uniform(0, 1, 12).astype(np.float32)
        example.detector = Found(boxes, scores)
        expected = example.person(Image.new("RGB", (width, height)))
        given = [{"width": width, "height": height}, settings]
        script = f"import('/preprocessing.mjs').then(({{person}}) => person(...{json.dumps(given)},"
        script += (
            f"new Float32Array({boxes.ravel().tolist()}),new Float32Array({scores.tolist()})))"
        )
        found.append(tab.run(script))
        assert found[-1] == (None if expected is None else expected.tolist())
    assert any(found)


class Found:
    """A session that always finds the same people."""

    def __init__(self, boxes, scores):
        self.answer = boxes[None], scores[None]

    def run(self, *_):
        return self.answer


def example_with(tmp_path, detector, monkeypatch):
    """predict.py as a module, without graphs."""
    shutil.copy(FOLDER / "predict.py", tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"detector": detector}))
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda path: None)
    spec = importlib.util.spec_from_file_location("example", tmp_path / "predict.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def clear() -> Image.Image:
    image = noise(101, 67).convert("RGBA")
    image.putalpha(noise(101, 67, 1).convert("L"))
    return image


SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def gamma() -> PngImagePlugin.PngInfo:
    """The chunk that states a gamma, which Pillow does not use."""
    info = PngImagePlugin.PngInfo()
    info.add(b"gAMA", struct.pack(">I", 100_000))
    return info


TABLE = b"curv\0\0\0\0" + struct.pack(">I9H", 9, *(int(65535 * (i / 8) ** 2) for i in range(9)))
FORMULA = b"para\0\0\0\0" + struct.pack(">HH5i", 3, 0, *(int(65536 * n) for n in SRGB_CURVE))
DEEP = Image.fromarray(np.random.default_rng(0).integers(0, 2**16, (67, 101), np.uint16))
KINDS = {
    "png": stored(noise(101, 67), "PNG"),
    "palette": stored(noise(101, 67).convert("P"), "PNG"),
    "transparent palette": stored(noise(101, 67).convert("P"), "PNG", transparency=3),
    "transparent colour": stored(noise(101, 67), "PNG", transparency=(0, 0, 0)),
    "alpha": stored(clear(), "PNG"),
    "grey with alpha": stored(clear().convert("LA"), "PNG"),
    "16 bits": stored(DEEP, "PNG"),
    "gif": stored(noise(101, 67).convert("P"), "GIF", transparency=3),
    "bmp": stored(noise(101, 67), "BMP"),
    "jpeg": stored(noise(101, 67), "JPEG"),
    "progressive": stored(noise(101, 67), "JPEG", progressive=True),
    "grey jpeg": stored(noise(101, 67).convert("L"), "JPEG"),
    "cmyk": stored(noise(101, 67).convert("CMYK"), "JPEG"),
    "webp": stored(noise(101, 67), "WEBP", lossless=True),
    **{f"turned {n}": stored(noise(101, 67), "JPEG", exif=turned(n)) for n in range(2, 9)},
    "turned png": stored(noise(101, 67), "PNG", exif=turned(6)),
    **{
        f"profile {kind}": stored(noise(101, 67), kind, **how)
        for kind, how in (
            ("PNG", {"icc_profile": profile(P3, 2.2, b"Display P3")}),
            ("JPEG", {"icc_profile": profile(P3, 1.8, b"Mine" * 20_000), "exif": turned(6)}),
            ("WEBP", {"icc_profile": profile(P3, 2.2, b"Display P3"), "lossless": True}),
        )
    },
    "profile and alpha": stored(clear(), "PNG", icc_profile=profile(P3, 2.2, b"Mine")),
    "profile with a table": stored(noise(101, 67), "PNG", icc_profile=profile(P3, 0, b"T", TABLE)),
    "profile with a formula": stored(
        noise(101, 67), "PNG", icc_profile=profile(P3, 0, b"F", FORMULA)
    ),
    "profile named sRGB": stored(noise(101, 67), "PNG", icc_profile=profile(P3, 2.2, b"my sRGB")),
    "profile of grey": stored(noise(101, 67).convert("L"), "PNG", icc_profile=profile(P3, 2, b"x")),
    "unreadable profile": stored(noise(101, 67), "JPEG", icc_profile=b"no profile"),
    "gamma": stored(noise(101, 67), "PNG", pnginfo=gamma()),
}


@in_browser
@pytest.mark.parametrize("kind", KINDS)
def test_photos_of_all_kinds_have_pillows_pixels(modules, kind):
    (found,) = seen(modules, KINDS[kind])
    expected = np.asarray(upright(Image.open(io.BytesIO(KINDS[kind]))))
    rounding = int("alpha" in kind)  # of what is half transparent
    np.testing.assert_allclose(found.astype(int), expected, rtol=0, atol=rounding)


@in_browser
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "an empty file"),
        (b"text", "not an image in a format that this browser reads"),
        (KINDS["jpeg"][:-600], "image file is truncated"),
        (KINDS["jpeg"][:40], "image file is truncated"),
        (KINDS["png"][:-600], "damaged image"),
        (KINDS["gif"][:-600], "damaged image"),
        (stored(noise(9, 9), "TIFF"), "this browser does not read TIFF; predict.py may"),
        (
            stored(noise(9, 9), "WEBP", exif=turned(6)),
            "a WebP turned by its EXIF, which browsers ignore; predict.py reads it",
        ),
    ],
)
def test_what_cannot_be_read_has_a_reason(modules, content, reason):
    assert seen(modules, content) == reason
