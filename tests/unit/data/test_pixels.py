"""Pixels of photos of every kind, against their definitions."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from stillact.data import pixels
from stillact.data.pixels import SMAXSAMPLEVALUE, upright
from support.profiles import P3, SRGB, profile


def stored(image: Image.Image, kind: str = "PNG", **options) -> Image.Image:
    """As read from a file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return Image.open(io.BytesIO(file.getvalue()))


@pytest.fixture
def colours():
    return np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)


def test_photos_in_srgb_or_without_a_profile_keep_their_bytes(colours):
    image = Image.fromarray(colours)
    for options in ({}, {"icc_profile": profile(P3, 2.2, b"sRGB IEC61966-2.1")}):
        assert (np.asarray(upright(stored(image, **options))) == colours).all()
    jpeg = stored(image, "JPEG")
    assert (np.asarray(upright(jpeg)) == np.asarray(jpeg.convert("RGB"))).all()


def test_a_wide_gamut_is_converted_to_srgb(colours):
    seen = np.asarray(
        upright(stored(Image.fromarray(colours), icc_profile=profile(P3, 2.2, b"P3")))
    )
    linear = (colours / 255) ** 2.2 @ (np.linalg.inv(SRGB) @ P3).T
    inside = ((linear >= 0) & (linear <= 1)).all(-1)
    linear = linear.clip(0, 1)
    expected = np.where(
        linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055
    )  # IEC 61966-2-1
    assert inside.mean() > 0.3
    assert np.abs(seen[inside] - 255 * expected[inside]).max() <= 2
    assert np.abs(seen.astype(int) - colours).mean() > 5


def test_a_palette_of_a_wide_gamut_is_as_the_same_colours_without_one():
    colours = [(200, 80, 60), (20, 120, 90), (250, 250, 250)]
    palette, plain = Image.new("P", (3, 1)), Image.new("RGB", (3, 1))
    palette.putpalette(sum(colours, ()))
    palette.putdata(range(3))
    plain.putdata(colours)
    one, other = (
        np.asarray(upright(stored(image, icc_profile=profile(P3, 2.2, b"P3"))))
        for image in (palette, plain)
    )
    assert (one == other).all()
    assert (one != np.asarray(plain)).any()


def test_a_damaged_profile_is_ignored(colours):
    image = stored(Image.fromarray(colours), icc_profile=b"not a profile")
    assert (np.asarray(upright(image)) == colours).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_shows_white(mode):
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[..., 3] = np.array([0, 255, 0, 255])  # black ink on nothing
    image = Image.fromarray(pixels, "RGBA").convert(mode if mode != "P" else "RGBA")
    if mode == "P":
        image = Image.new("P", (4, 4), 0)
        image.putpalette([0, 0, 0, 9, 9, 9])
        image.paste(1, (1, 0, 2, 4))
        seen = np.asarray(upright(stored(image, transparency=0)))[0]
        assert seen.tolist() == [[255] * 3, [9] * 3, [255] * 3, [255] * 3]
        return
    assert np.asarray(upright(stored(image)))[0].tolist() == [[255] * 3, [0] * 3] * 2


def test_the_transparent_grey_of_a_16_bit_png_shows_white():
    # Pillow does not write tRNS for 16 bits: the chunk is put before the data (PNG, 11.3.2.1)
    file = io.BytesIO()
    Image.fromarray(np.array([[0, 1, 40_000]], np.uint16)).save(file, "PNG")
    clear = b"tRNS" + struct.pack(">H", 0)
    chunk = struct.pack(">I", 2) + clear + struct.pack(">I", zlib.crc32(clear))
    content = file.getvalue()
    at = content.index(b"IDAT") - 4
    image = Image.open(io.BytesIO(content[:at] + chunk + content[at:]))
    assert image.mode == "I;16"
    assert np.asarray(upright(image))[0].tolist() == [[255] * 3, [0] * 3, [156] * 3]


def test_half_transparent_is_half_white():
    image = Image.new("RGBA", (2, 2), (0, 0, 100, 51))
    assert upright(stored(image)).getpixel((0, 0)) == (204, 204, 224)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 0.5, 1]], np.float32), [0, 128, 255]),
        (np.array([[0, 100, 255]], np.float32), [0, 100, 255]),
        (np.array([[0, 32_768, 65_535]], np.float32), [0, 128, 255]),
        (np.array([[0, 32_768, 65_535]], np.int32), [0, 128, 255]),
        (np.array([[0, 100, 255]], np.int32), [0, 100, 255]),
        (np.array([[0, 32_768, 65_535]], np.uint16), [0, 128, 255]),
    ],
)
def test_deep_grey_is_scaled_by_its_range(values, expected):
    image = stored(Image.fromarray(values), "TIFF")
    seen = np.asarray(upright(image))[0]
    assert (seen == seen[:, :1]).all()
    assert np.abs(seen[:, 0].astype(int) - expected).max() <= 1


def test_the_largest_value_that_a_file_states_is_white():
    info = TiffImagePlugin.ImageFileDirectory_v2()
    info[SMAXSAMPLEVALUE], info.tagtype[SMAXSAMPLEVALUE] = 1000.0, 11
    image = stored(Image.fromarray(np.array([[0, 500]], np.float32)), "TIFF", tiffinfo=info)
    assert np.asarray(upright(image))[0, 1, 0] == 128


@pytest.mark.parametrize("value", [-1, 70_000, np.nan, np.inf])
def test_values_without_a_scale_are_an_error(value):
    image = stored(Image.fromarray(np.array([[0, value]], np.float32)), "TIFF")
    with pytest.raises(ValueError, match="have no known scale; save it with 8 or 16 bits"):
        upright(image)


HEIC = Path(__file__).parents[2] / "support/photos"


@pytest.mark.parametrize(
    ("name", "quadrants"),
    [
        ("quadrants", [(200, 30, 30), (30, 180, 30), (30, 30, 200), (230, 230, 230)]),
        ("quadrants_turned", [(30, 30, 200), (200, 30, 30), (230, 230, 230), (30, 180, 30)]),
    ],
)
def test_heic_is_upright_and_has_its_colours(name, quadrants):
    with pixels.stored(HEIC / f"{name}.heic") as image:
        photo = upright(image)
    width, height = photo.size
    places = [(8, 8), (width - 8, 8), (8, height - 8), (width - 8, height - 8)]
    np.testing.assert_allclose([photo.getpixel(at) for at in places], quadrants, atol=3)
