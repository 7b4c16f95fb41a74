import hashlib
import io
import itertools
from pathlib import Path

import imagehash
import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw, ImageEnhance

from stillact.core.errors import InputError
from stillact.data import duplicates


def scene(seed: int, size=(200, 150)) -> Image.Image:
    """Coloured shapes, different for every seed."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", size, tuple(rng.integers(256, size=3).tolist()))
    draw = ImageDraw.Draw(image)
    for _ in range(12):
        x, y = rng.integers(size[0]), rng.integers(size[1])
        w, h = rng.integers(10, 90, size=2)
        draw.rectangle([x, y, x + w, y + h], fill=tuple(rng.integers(256, size=3).tolist()))
    return image


def encoded(image: Image.Image, form="JPEG", **options) -> bytes:
    data = io.BytesIO()
    image.save(data, form, **options)
    return data.getvalue()


def find(folder: Path, photos: dict[str, bytes], max_distance: int):
    """The pairs as tuples."""
    paths = []
    for name, data in photos.items():
        (folder / name).write_bytes(data)
        paths.append(folder / name)
    images = pd.DataFrame(
        {"id": list(photos), "sha256": [hashlib.sha256(d).hexdigest() for d in photos.values()]}
    )
    found = duplicates.find(images, paths, max_distance)
    assert list(found.columns) == ["image_id_a", "image_id_b", "kind", "distance"]
    return list(found.itertuples(index=False, name=None))


def test_copies_are_found_and_others_are_not(tmp_path):
    one = scene(1)
    photos = {
        "b_first": encoded(one, quality=95),
        "other": encoded(scene(2)),
        "a_same": encoded(one, quality=95),
        "small": encoded(one.resize((100, 75)), quality=60),
        "png": encoded(one, "PNG"),
        "mirrored": encoded(one.transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
    }
    pairs = find(tmp_path, photos, 8)
    assert ("b_first", "a_same", "exact", 0) in pairs  # in the order of the table, not of names
    family = ["b_first", "a_same", "small", "png", "mirrored"]
    assert [(a, b) for a, b, _, _ in pairs] == list(itertools.combinations(family, 2))
    assert [kind for _, _, kind, _ in pairs].count("exact") == 1
    assert all(0 <= distance <= 8 for _, _, _, distance in pairs)


@pytest.mark.parametrize("way", Image.Transpose)
def test_mirrored_and_turned_copies_are_found_and_other_photos_are_not(tmp_path, way):
    turned = {f"turned_{i}": scene(i).transpose(way).resize((90, 90)) for i in range(40)}
    photos = {f"photo_{i}": scene(i) for i in range(40)} | turned
    pairs = find(tmp_path, {name: encoded(photo) for name, photo in photos.items()}, 8)
    assert {(a, b) for a, b, _, _ in pairs} == {(f"photo_{i}", f"turned_{i}") for i in range(40)}


def room(places: list[int]) -> dict[str, bytes]:
    """Photos of one camera: the same background, and a figure at places from left to right."""
    background = scene(8, (320, 240)).convert("L").convert("RGB")
    photos = {}
    for place in places:
        photo = background.copy()
        figure = scene(100 + place, (40, 90))
        photo.paste(figure, (place, 120))
        photos[f"at_{place}"] = encoded(photo, quality=85)
    return photos


def test_photos_of_one_camera_are_not_copies(tmp_path, caplog):
    places = list(range(0, 280, 45))
    photos = room(places)
    darker = ImageEnhance.Brightness(Image.open(io.BytesIO(photos["at_45"]))).enhance(0.9)
    pairs = find(tmp_path, photos | {"copy": encoded(darker, quality=75)}, 16)
    assert [(a, b) for a, b, _, _ in pairs] == [("at_45", "copy")]
    (warning,) = caplog.messages
    assert " pairs of photos have one background, and figures in other places" in warning
    hashes = [imagehash.phash(Image.open(io.BytesIO(photo))) for photo in photos.values()]
    near = [a - b <= 16 for a, b in itertools.combinations(hashes, 2)]
    assert sum(near) > len(near) / 2  # which the comparison of pixels had to reject


def test_what_two_datasets_have_in_common(tmp_path):
    def dataset(name, photos):
        (tmp_path / name).mkdir()
        paths = [tmp_path / name / photo_id for photo_id in photos]
        for path, content in zip(paths, photos.values(), strict=True):
            path.write_bytes(content)
        hashes = [hashlib.sha256(content).hexdigest() for content in photos.values()]
        return pd.DataFrame({"id": list(photos), "sha256": hashes}), paths

    one, two, other = encoded(scene(1)), encoded(scene(2)), encoded(scene(3))
    enlarged = encoded(scene(1).resize((400, 300)))
    study = dataset("study", {"a": one, "b": two, "twin_of_b": two})
    # an id of the study for another photo; copies within each dataset are no matter of both
    there = dataset("there", {"a": other, "large": enlarged, "again": other, "same": two})
    found = duplicates.between(study, there, 8)
    assert found.columns.tolist() == duplicates.COLUMNS
    assert list(found.drop(columns="distance").itertuples(index=False, name=None)) == [
        ("a", "large", "near"),
        ("b", "same", "exact"),
        ("twin_of_b", "same", "exact"),
    ]


def test_the_hash_is_that_of_imagehash_on_the_upright_photo(tmp_path):
    upright = scene(3)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    turned = upright.transpose(Image.Transpose.ROTATE_90)
    (tmp_path / "a").write_bytes(encoded(upright, "PNG"))
    (tmp_path / "b").write_bytes(encoded(turned, quality=100, exif=exif))
    images = pd.DataFrame({"id": ["a", "b"]})
    (first, *others), second = duplicates._looks(images, [tmp_path / "a", tmp_path / "b"]).hashes
    assert first == int(str(imagehash.phash(upright)), 16)
    assert int(second[0] ^ first).bit_count() <= 2
    grey = upright.convert("L").resize((32, 32), Image.Resampling.LANCZOS)
    assert others == [int(str(imagehash.phash(grey.transpose(t))), 16) for t in Image.Transpose]


def test_a_grey_of_16_bits_matches_that_of_8_bits(tmp_path):
    grey = np.asarray(scene(5).convert("L"))
    deep = Image.fromarray(grey.astype(np.uint16) * 257)
    photos = {"deep": encoded(deep, "PNG"), "grey": encoded(Image.fromarray(grey), "PNG")}
    assert find(tmp_path, photos, 0) == [("deep", "grey", "near", 0)]


def test_flat_photos_match_only_equal_bytes(tmp_path):
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(98, 102, (64, 64, 3), np.uint8))
    photos = {
        "black": encoded(Image.new("RGB", (64, 64))),
        "grey": encoded(Image.new("L", (64, 64), 128)),
        "noise": encoded(noise, "PNG"),
        "grey_again": encoded(Image.new("L", (64, 64), 128)),
        "scene": encoded(scene(1)),
    }
    assert find(tmp_path, photos, 64) == [("grey", "grey_again", "exact", 0)]


def test_blocks_find_what_a_plain_loop_finds():
    rng = np.random.default_rng(0)
    count = 2 * duplicates.BLOCK + 37
    # Few distinct bits, so that all distances from 0 to 6 occur.
    bits = rng.integers(2**12, size=(count, 8)).astype(np.uint64) << np.uint64(52)
    flat = rng.random(count) < 0.1
    content = rng.integers(count * 4, size=count)
    looks = duplicates._Looks(bits, flat, np.empty(0, np.uint8))
    found = duplicates._candidates(looks, content, 1)
    expected = []
    for a, b in itertools.combinations(range(count), 2):
        distances = [int(bits[a, 0] ^ turned).bit_count() for turned in bits[b]]
        exact = content[a] == content[b]
        if exact or (min(distances) <= 1 and not flat[a] and not flat[b]):
            nearest = int(np.argmin(distances))
            expected.append((a, b, exact, 0 if exact else distances[nearest], nearest))
    assert {exact for _, _, exact, _, _ in expected} == {False, True}
    assert {turn for _, _, _, _, turn in expected} == set(range(8))
    assert found.tolist() == expected


def test_no_photos_and_no_pairs_give_an_empty_table(tmp_path):
    assert find(tmp_path, {}, 8) == []
    assert find(tmp_path, {"a": encoded(scene(1)), "b": encoded(scene(2))}, 8) == []


def test_a_file_that_is_no_photo_is_named(tmp_path):
    with pytest.raises(InputError, match=r"image a: .*/a cannot be decoded"):
        find(tmp_path, {"a": encoded(scene(1))[:400]}, 8)
    with pytest.raises(InputError, match=r"image b: .*/b cannot be decoded"):
        find(tmp_path, {"b": b"<html>"}, 8)
