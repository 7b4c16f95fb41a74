import numpy as np
import pandas as pd
import pytest
from PIL import Image
from timm.data import create_transform
from torchvision.transforms import InterpolationMode, v2

from stillact.core.errors import InputError
from stillact.core.tables import write_csv
from stillact.data import preprocess
from stillact.data.boxes import Box, person_region
from stillact.data.preprocessing import Preprocessing

GREY = (127, 127, 127)


def photo(width: int, height: int, seed: int = 0) -> Image.Image:
    """Noise over a slope: every pixel and every direction differs."""
    rng = np.random.default_rng(seed)
    slope = np.add.outer(np.linspace(0, 90, height), np.linspace(0, 60, width))
    pixels = slope[..., None] + rng.integers(0, 100, (height, width, 3))
    return Image.fromarray(pixels.astype(np.uint8))


def same(a, b) -> bool:
    return np.array_equal(np.asarray(a), np.asarray(b))


@pytest.mark.parametrize("size", [16, 17, 33, 64])
@pytest.mark.parametrize(
    "shape", [(40, 30), (30, 41), (101, 57), (57, 100), (64, 64), (5, 9), (9, 4), (3, 200)]
)
def test_resize_crop_is_torchvisions(shape, size):
    reference = v2.Compose([v2.Resize(size, InterpolationMode.BICUBIC), v2.CenterCrop(size)])
    image = photo(*shape)
    assert same(preprocess.square(image, Preprocessing(size, "resize_crop")), reference(image))


@pytest.mark.parametrize("way", ["bicubic", "bilinear"])
@pytest.mark.parametrize("crop", [1.0, 0.95, 0.9, 0.875])
@pytest.mark.parametrize("size", [33, 64])
@pytest.mark.parametrize("shape", [(101, 57), (57, 100), (5, 9), (300, 40)])
def test_squares_are_timms(shape, size, crop, way):
    image = photo(*shape)
    for geometry, mode in {"resize_crop": "center", "squash": "squash"}.items():
        reference = create_transform(
            (3, size, size), interpolation=way, crop_pct=crop, crop_mode=mode, normalize=False
        )
        seen = preprocess.square(image, Preprocessing(size, geometry, way, crop))
        assert same(seen, reference(image).permute(1, 2, 0)), geometry


@pytest.mark.parametrize("geometry", ["squash", "letterbox"])
def test_a_crop_takes_the_centre_of_the_whole(geometry):
    whole = preprocess.square(photo(40, 24), Preprocessing(20, geometry))
    assert same(
        preprocess.square(photo(40, 24), Preprocessing(16, geometry, crop=0.8)),
        whole.crop((2, 2, 18, 18)),
    )


def test_what_was_fetched_is_packed_in_the_tables_order(tmp_path):
    rows = []
    for seed, status in enumerate(["ok", "missing", "ok"]):
        sha256 = "" if status == "missing" else f"{seed}" * 64
        rows.append({"id": f"photo_{2 - seed}", "status": status, "sha256": sha256})
        if status == "ok":
            (tmp_path / sha256[:2]).mkdir()
            photo(30, 20, seed).save(tmp_path / sha256[:2] / sha256, "png")
    write_csv(pd.DataFrame(rows), tmp_path / "images.csv")
    made = tmp_path / "photos.npy", tmp_path / "photos.csv"
    how = Preprocessing(12, "squash")
    preprocess.pack_fetched(tmp_path / "images.csv", tmp_path, made[0], how, index=made[1])
    for seed, row in zip((0, 2), np.load(made[0]), strict=True):
        assert same(row, photo(30, 20, seed).resize((12, 12), Image.Resampling.BICUBIC))
    assert made[1].read_text() == (f"image_id,sha256\nphoto_2,{'0' * 64}\nphoto_0,{'2' * 64}\n")


# What stands in a file of each EXIF orientation, made from the upright photo (TIFF 6.0, tag 274).
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,  # shown turned by 90 degrees clockwise
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("geometry", ["resize_crop", "letterbox"])
@pytest.mark.parametrize("orientation", STORED)
def test_a_photo_is_seen_upright(tmp_path, orientation, geometry):
    upright = photo(40, 24)
    how = STORED[orientation]
    stored = upright if how is None else upright.transpose(how)
    exif = Image.Exif()
    exif[274] = orientation
    stored.save(tmp_path / "photo.png", exif=exif)
    with Image.open(tmp_path / "photo.png") as image:
        seen = preprocess.square(image, Preprocessing(16, geometry))
    assert same(seen, preprocess.square(upright, Preprocessing(16, geometry)))


@pytest.mark.parametrize(
    ("shape", "box"), [((60, 20), (0, 10, 30, 20)), ((20, 60), (10, 0, 20, 30)), ((9, 9), None)]
)
def test_a_letterboxed_photo_is_whole_between_grey_bars(shape, box):
    image = photo(*shape)
    left, top, right, bottom = box or (0, 0, 30, 30)
    expected = Image.new("RGB", (30, 30), GREY)
    content = image.resize((right - left, bottom - top), Image.Resampling.BICUBIC)
    expected.paste(content, (left, top))
    assert same(preprocess.square(image, Preprocessing(30, "letterbox")), expected)


def test_the_corners_of_a_letterboxed_photo_are_seen_and_cropped_ones_are_not():
    image = Image.new("RGB", (80, 40), "blue")
    for corner in [(0, 0), (70, 0), (0, 30), (70, 30)]:
        image.paste("red", (*corner, corner[0] + 10, corner[1] + 10))
    boxed = preprocess.square(image, Preprocessing(40, "letterbox"))
    corners = [boxed.getpixel(p) for p in [(1, 11), (38, 11), (1, 28), (38, 28)]]
    assert corners == [(255, 0, 0)] * 4
    assert [boxed.getpixel(p) for p in [(1, 8), (38, 31)]] == [GREY] * 2
    cropped = np.asarray(preprocess.square(image, Preprocessing(40, "resize_crop")))
    assert (cropped == (0, 0, 255)).all()


def test_every_mode_becomes_rgb():
    palette = Image.new("P", (20, 10), 1)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    deep = Image.fromarray(np.full((10, 20), 65535, np.uint16))
    assert deep.mode == "I;16"
    cases = [
        (Image.new("RGBA", (20, 10), (10, 20, 30, 255)), (10, 20, 30)),
        (Image.new("LA", (20, 10), (40, 255)), (40, 40, 40)),
        (Image.new("L", (20, 10), 40), (40, 40, 40)),
        (Image.new("1", (20, 10), 1), (255, 255, 255)),
        (palette, (10, 20, 30)),
        # (1 - ink) (1 - black), without a colour profile
        (Image.new("CMYK", (20, 10), (255, 0, 51, 51)), (0, 204, 163)),
        (deep, (255, 255, 255)),
        (Image.new("I;16", (20, 10), 0), (0, 0, 0)),
    ]
    for image, colour in cases:
        for geometry in ("resize_crop", "letterbox"):
            seen = preprocess.square(image, Preprocessing(8, geometry))
            assert (seen.mode, seen.size) == ("RGB", (8, 8))
            assert np.abs(np.subtract(seen.getpixel((4, 4)), colour)).max() <= 1, image.mode


@pytest.mark.parametrize("shape", [(1, 500), (500, 1), (1, 1), (2, 1000)])
def test_a_sliver_becomes_square(shape):
    sliver = Image.new("RGB", shape, (9, 8, 7))
    cropped = preprocess.square(sliver, Preprocessing(16, "resize_crop"))
    assert same(cropped, Image.new("RGB", (16, 16), (9, 8, 7)))
    boxed = preprocess.square(sliver, Preprocessing(16, "letterbox"))
    assert (boxed.mode, boxed.size) == ("RGB", (16, 16))


def test_a_letterboxed_sliver_is_a_line_of_one_pixel():
    boxed = preprocess.square(Image.new("RGB", (1, 30), (9, 8, 7)), Preprocessing(16, "letterbox"))
    assert [boxed.getpixel((x, 5)) for x in (7, 8, 9)] == [GREY, (9, 8, 7), GREY]


@pytest.fixture
def photos(tmp_path):
    paths = [tmp_path / f"photo_{i}.png" for i in range(9)]
    for i, path in enumerate(paths):
        photo(20 + 3 * i, 18, seed=i).save(path)
    return paths


def test_a_pack_holds_the_photos_in_the_order_given(tmp_path, photos):
    order = [photos[i] for i in (4, 0, 8, 2, 2, 7)]
    target = tmp_path / "pack" / "array.npy"
    preprocess.pack(order, Preprocessing(12, "letterbox"), target, threads=3)
    array = np.load(target)
    assert (array.dtype, array.shape) == (np.uint8, (6, 12, 12, 3))
    for row, path in zip(array, order, strict=True):
        assert same(row, preprocess.square(Image.open(path), Preprocessing(12, "letterbox")))
    assert [p.name for p in target.parent.iterdir()] == ["array.npy"]


def test_the_bytes_of_a_pack_do_not_depend_on_the_threads(tmp_path, photos):
    for threads in (1, 4):
        preprocess.pack(
            photos, Preprocessing(12, "resize_crop"), tmp_path / f"{threads}.npy", threads
        )
    assert (tmp_path / "1.npy").read_bytes() == (tmp_path / "4.npy").read_bytes()


def cut(path):
    path.write_bytes(path.read_bytes()[:500])


@pytest.mark.parametrize(
    "spoil", [lambda path: path.write_bytes(b"<html>not found</html>"), cut, lambda p: p.unlink()]
)
def test_a_photo_that_cannot_be_decoded_is_named(tmp_path, photos, spoil):
    spoil(photos[5])
    target = tmp_path / "pack" / "array.npy"
    target.parent.mkdir()
    with pytest.raises(InputError, match=r"photo_5\.png cannot be decoded") as error:
        preprocess.pack(photos, Preprocessing(12, "letterbox"), target, threads=2)
    assert "fetch" in str(error.value)
    assert not target.exists()


def test_a_pack_that_fails_leaves_nothing_behind(tmp_path, photos):
    target = tmp_path / "pack" / "array.npy"
    photos[5].unlink()
    with pytest.raises(InputError):
        preprocess.pack(photos, Preprocessing(12, "letterbox"), target)
    assert list(target.parent.iterdir()) == []


# A photo's size, its boxes, and what is taken: the box with 0.15 of its side more on either side.
REGIONS = {
    "inside": ((200, 200), [(10, 20, 40, 60)], (4, 11, 56, 89)),
    "at the top left": ((100, 100), [(0, 0, 40, 60)], (0, 0, 46, 69)),
    "at the bottom right": ((100, 80), [(60, 20, 40, 60)], (54, 11, 100, 80)),
    "larger than the photo": ((100, 80), [(-10, -10, 300, 300)], (0, 0, 100, 80)),
    "hanging over": ((100, 100), [(-30, 40, 70, 20)], (0, 37, 46, 63)),
    "to whole pixels": ((100, 100), [(10.2, 10.2, 0.1, 0.1)], (10, 10, 11, 11)),
    "the largest": ((100, 100), [(0, 0, 50, 2), (20, 20, 20, 20)], (17, 17, 43, 43)),
    "the largest on the photo": ((100, 100), [(90, 0, 900, 50), (0, 0, 20, 40)], (0, 0, 23, 46)),
    "none": ((100, 100), [], None),
    "beside the photo": ((100, 100), [(120, 10, 50, 50), (10, -40, 20, 40)], None),
}


@pytest.mark.parametrize(("shape", "boxes", "region"), REGIONS.values(), ids=REGIONS)
def test_the_region_of_the_person(shape, boxes, region):
    boxes = [Box.of_size(*sides) for sides in boxes]
    assert person_region(boxes, *shape) == region


def test_views_are_packed_in_the_rows_of_the_photos(tmp_path, caplog, monkeypatch):
    """Four photos, of which one could not be had, one lies on its side and one shows nobody."""
    rows, boxes = [], ["2 4 20 10", "", "-5 -5 80 80", ""]
    for i, text in enumerate(boxes):
        status, sha256 = ("missing", "") if i == 1 else ("ok", f"{i}" * 64)
        row = {"id": f"photo_{3 - i}", "status": status, "sha256": sha256, "person_boxes": text}
        rows.append(row | ({} if i == 1 else {"width": 40, "height": 24}))
        if status == "ok":
            (tmp_path / sha256[:2]).mkdir()
            exif = Image.Exif()
            exif[274] = 6 if i == 0 else 1
            stored = photo(40, 24, i).transpose(STORED[6]) if i == 0 else photo(40, 24, i)
            stored.save(tmp_path / sha256[:2] / sha256, "png", exif=exif)
    table = pd.DataFrame(rows)
    write_csv(table.drop(columns="person_boxes"), tmp_path / "images.csv")
    write_csv(table[["id", "person_boxes"]][::-1], tmp_path / "people.csv")
    cropped = Preprocessing(16, "resize_crop", "bilinear", 0.8)
    boxed_in = Preprocessing(16, "letterbox", "bilinear")
    made = tmp_path / "view.npy"
    monkeypatch.setattr(preprocess.logger, "propagate", True)
    given = tmp_path / "images.csv", tmp_path, made
    people = tmp_path / "people.csv"

    preprocess.pack_fetched(*given, cropped.view("person"), people=people)
    cut = photo(40, 24).crop((0, 2, 25, 16))  # 3 and 1.5 px more; to the edge on the left
    boxed = [
        preprocess.square(cut, boxed_in),
        preprocess.square(photo(40, 24, 2), boxed_in),
        preprocess.square(photo(40, 24, 3), cropped),
    ]
    assert np.array_equal(np.load(made), np.stack([np.asarray(image) for image in boxed]))
    assert "1 of 3 photos have no person box" in caplog.text

    preprocess.pack_fetched(*given, cropped.view("letterbox"))
    for seen, seed in zip(np.load(made), (0, 2, 3), strict=True):
        assert same(seen, preprocess.square(photo(40, 24, seed), boxed_in))
