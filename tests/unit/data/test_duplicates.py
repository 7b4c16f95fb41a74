import hashlib
import io
import itertools
from pathlib import Path

import imagehash
import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw

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
    family = ["b_first", "a_same", "small", "png"]
    assert [(a, b) for a, b, _, _ in pairs] == list(itertools.combinations(family, 2))
    assert [kind for _, _, kind, _ in pairs].count("exact") == 1
    assert all(0 <= distance <= 8 for _, _, _, distance in pairs)


def test_the_hash_is_that_of_imagehash_on_the_upright_photo(tmp_path):
    upright = scene(3)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    turned = upright.transpose(Image.Transpose.ROTATE_90)
    (tmp_path / "a").write_bytes(encoded(upright, "PNG"))
    (tmp_path / "b").write_bytes(encoded(turned, quality=100, exif=exif))
    expected = int(str(imagehash.phash(upright)), 16)
    assert duplicates._hash(tmp_path / "a", "a") == expected
    assert (duplicates._hash(tmp_path / "b", "b") ^ expected).bit_count() <= 2


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
    bits = rng.integers(2**12, size=count).astype(np.uint64) << np.uint64(52)
    flat = rng.random(count) < 0.1
    content = rng.integers(count * 4, size=count)
    ids = np.array([f"i{i}" for i in range(count)])
    found = duplicates._pairs(ids, bits, flat, content, 2)
    expected = []
    for a, b in itertools.combinations(range(count), 2):
        distance = int(bits[a] ^ bits[b]).bit_count()
        if content[a] == content[b]:
            expected.append((ids[a], ids[b], "exact", 0))
        elif distance <= 2 and not flat[a] and not flat[b]:
            expected.append((ids[a], ids[b], "near", distance))
    assert {kind for _, _, kind, _ in expected} == {"exact", "near"}
    assert list(found.itertuples(index=False, name=None)) == expected


def test_no_photos_and_no_pairs_give_an_empty_table(tmp_path):
    assert find(tmp_path, {}, 8) == []
    assert find(tmp_path, {"a": encoded(scene(1)), "b": encoded(scene(2))}, 8) == []


def test_a_file_that_is_no_photo_is_named(tmp_path):
    with pytest.raises(InputError, match=r"image a: .*/a cannot be decoded"):
        find(tmp_path, {"a": encoded(scene(1))[:400]}, 8)
    with pytest.raises(InputError, match=r"image b: .*/b cannot be decoded"):
        find(tmp_path, {"b": b"<html>"}, 8)
