import hashlib
import io
import itertools
from pathlib import Path

import imagehash
import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw, ImageEnhance
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

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
    """The pairs that connect photos, as tuples."""
    paths = []
    for name, data in photos.items():
        (folder / name).write_bytes(data)
        paths.append(folder / name)
    images = pd.DataFrame(
        {"id": list(photos), "sha256": [hashlib.sha256(d).hexdigest() for d in photos.values()]}
    )
    found = duplicates.find(images, paths, max_distance)
    assert list(found.columns) == ["image_id_a", "image_id_b", "kind", "distance", "group"]
    assert len(found) == len({*found.image_id_a, *found.image_id_b}) - found.group.nunique()
    return list(found.drop(columns="group").itertuples(index=False, name=None))


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
    assert [(a, b) for a, b, _, _ in pairs] == [("b_first", copy) for copy in family[1:]]
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


def _dataset(folder: Path, photos: dict[str, bytes]) -> tuple[pd.DataFrame, list[Path]]:
    folder.mkdir()
    paths = [folder / photo_id for photo_id in photos]
    for path, content in zip(paths, photos.values(), strict=True):
        path.write_bytes(content)
    hashes = [hashlib.sha256(content).hexdigest() for content in photos.values()]
    return pd.DataFrame({"id": list(photos), "sha256": hashes}), paths


def test_what_two_datasets_have_in_common(tmp_path):
    def dataset(name, photos):
        return _dataset(tmp_path / name, photos)

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
    ]
    empty = dataset("empty", {})
    assert duplicates.between(study, empty, 8).empty
    assert duplicates.between(empty, there, 8).empty


def test_the_nearest_copy_of_the_study_is_named_and_photos_of_one_camera_are_not(tmp_path, caplog):
    (at_0, at_90), bright = room([0, 90]).values(), scene(9)
    mine = {"still": at_0, "poor": encoded(bright.resize((40, 30)), quality=10)}
    mine |= {"good": encoded(bright, quality=95), "other": encoded(scene(10))}
    theirs = {"moved": at_90, "copy": encoded(bright, quality=90), "large": at_0 + b"."}
    found = duplicates.between(
        *(_dataset(tmp_path / name, photos) for name, photos in (("a", mine), ("b", theirs))), 16
    )
    assert list(zip(found.image_id_a, found.image_id_b, strict=True)) == [
        ("good", "copy"),
        ("still", "large"),
    ]
    (warning,) = caplog.messages
    assert warning.startswith("1 photos have the background of one of the study")


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


def _looks_of_families(count: int) -> duplicates._Looks:
    """Hashes of few distinct bits, so that all distances from 0 to 6 occur, and grey copies of few
    scenes: as they are, in another light, with a patch that has moved, mirrored, and without
    structure."""
    rng = np.random.default_rng(0)
    side = duplicates.SIDE
    scenes = [np.asarray(scene(i, (side, side)).convert("L"), float) for i in range(5)]
    copies = []
    for _ in range(count):
        copy = scenes[rng.integers(5)] * rng.uniform(0.6, 1)
        if rng.random() < 0.6:
            x, y = rng.integers(side - 12, size=2)
            copy[y : y + 12, x : x + 12] = rng.integers(256)
        copies.append(copy[:, ::-1] if rng.random() < 0.3 else copy)
    bits = rng.integers(2**10, size=(count, 8)).astype(np.uint64) << np.uint64(54)
    return duplicates._Looks(bits, rng.random(count) < 0.1, np.stack(copies).astype(np.uint8))


def _copies(looks: duplicates._Looks, first: np.ndarray, max_distance: int) -> list[tuple]:
    """All pairs of copies with their distances, by a plain loop; `first` as of `_first_of`."""
    pairs = []
    for a, b in itertools.combinations(range(len(first)), 2):
        distances = [int(looks.hashes[a, 0] ^ turned).bit_count() for turned in looks.hashes[b]]
        turn = int(np.argmin(distances))
        if first[a] == first[b]:
            pairs.append((a, b, 0))
        elif distances[turn] <= max_distance and not looks.flat[a] and not looks.flat[b]:
            two = looks.copies[[a]], looks.copies[[b]]
            ((aligned,), (moved,)) = duplicates._compared(*two, np.array([turn]))
            camera = aligned < duplicates.ALIGNED and moved > duplicates.MOVED
            if not camera and (turn == 0 or aligned < duplicates.UNLIKE):
                pairs.append((a, b, distances[turn]))
    return pairs


@pytest.mark.parametrize(("block", "compared"), [(64, 512), (7, 5), (1000, 1)])
def test_the_groups_are_those_of_all_pairs(monkeypatch, block, compared):
    monkeypatch.setattr(duplicates, "BLOCK", block)
    monkeypatch.setattr(duplicates, "PAIRS", compared)
    count = 150
    looks = _looks_of_families(count)
    first = duplicates._first_of(pd.Series(np.random.default_rng(1).integers(400, size=count)))
    all_pairs = _copies(looks, first, 1)
    a, b, _ = np.transpose(all_pairs)
    graph = coo_array((np.ones(len(a)), (a, b)), shape=(count, count))
    groups, expected = connected_components(graph, directed=False)
    links, group = duplicates._linked(looks, first, 1)
    assert 30 < groups < count - 30  # a case worth testing
    assert len(all_pairs) > len(links)
    assert len(links) == count - groups
    assert {(a, b, d) for a, b, d, _ in links.tolist()} <= {*all_pairs}
    assert group.tolist() == [int(np.flatnonzero(expected == e)[0]) for e in expected]
    connected = coo_array((np.ones(len(links)), (links["a"], links["b"])), shape=graph.shape)
    assert connected_components(connected, directed=False)[0] == groups


@pytest.mark.parametrize(("block", "compared"), [(64, 512), (7, 5)])
def test_the_nearest_copies_are_those_of_all_pairs(monkeypatch, block, compared):
    monkeypatch.setattr(duplicates, "BLOCK", block)
    monkeypatch.setattr(duplicates, "PAIRS", compared)
    looks, mine = _looks_of_families(150), 60
    expected = {}
    for a, b, distance in _copies(looks, np.arange(150), 1):
        if a < mine <= b and distance < expected.get(b, (0, 65))[1]:
            expected[b] = (a, distance)
    study, other = looks.of(slice(mine)), looks.of(slice(mine, None))
    found = duplicates._nearest(study, other, np.arange(150 - mine), 1)
    assert {mine + b: (a, d) for a, b, d, _ in found.tolist()} == expected
    assert 10 < len(expected) == len(found)


def test_a_burst_is_compared_about_once_per_photo(monkeypatch):
    count, compared = 3000, []
    looks = _looks_of_families(1)
    burst = looks.of(np.zeros(count, int))._replace(flat=np.zeros(count, bool))
    verdicts = duplicates._verdicts
    monkeypatch.setattr(
        duplicates, "_verdicts", lambda *of: compared.append(len(of[2])) or verdicts(*of)
    )
    links, group = duplicates._linked(burst, np.arange(count), 0)
    assert not group.any()
    assert len(links) == count - 1
    assert sum(compared) < 1.2 * count
    compared.clear()
    assert len(duplicates._nearest(burst, burst, np.arange(count), 0)) == count
    assert sum(compared) < 10 * count


def test_quantiles_are_those_of_numpy():
    rng = np.random.default_rng(0)
    values, use = rng.random((50, 40)), rng.random((50, 40)) < 0.5
    use[:, 0] = True
    use[0, 1:] = False
    expected = np.nanquantile(np.where(use, values, np.nan), 0.7, axis=1, keepdims=True)
    np.testing.assert_allclose(duplicates._quantile(values, use, 0.7), expected, rtol=1e-14)


def test_no_photos_and_no_pairs_give_an_empty_table(tmp_path):
    assert find(tmp_path, {}, 8) == []
    assert find(tmp_path, {"a": encoded(scene(1)), "b": encoded(scene(2))}, 8) == []


def test_a_file_that_is_no_photo_is_named(tmp_path):
    with pytest.raises(InputError, match=r"image a: .*/a cannot be decoded"):
        find(tmp_path, {"a": encoded(scene(1))[:400]}, 8)
    with pytest.raises(InputError, match=r"image b: .*/b cannot be decoded"):
        find(tmp_path, {"b": b"<html>"}, 8)
