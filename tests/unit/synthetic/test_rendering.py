"""The synthetic dataset: what a rendered scene promises, and that nothing but poses differs."""

import re
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from stillact.core.errors import InputError
from stillact.synthetic import rendering

WORDS = {
    "walking_running": {"walk", "walks", "walking", "run", "runs", "running", "jogging"},
    "sitting": {"sit", "sits", "sitting", "seated"},
    "standing": {"stand", "stands", "standing"},
}


@pytest.fixture(scope="module")
def scenes() -> list[rendering.Scene]:
    return [rendering.render(label, seed) for label in rendering.LABELS for seed in range(40)]


def test_same_label_and_seed_give_the_same_scene():
    one, two = rendering.render("sitting", 7), rendering.render("sitting", 7)
    assert one.image.tobytes() == two.image.tobytes()
    assert (one.person_boxes, one.caption, one.attributes) == (
        two.person_boxes,
        two.caption,
        two.attributes,
    )


def test_another_seed_or_label_gives_another_picture():
    pictures = [("sitting", 7), ("sitting", 8), ("standing", 7)]
    assert len({rendering.render(*p).image.tobytes() for p in pictures}) == 3


def test_images_have_the_sizes_of_coco(scenes):
    for scene in scenes:
        assert scene.image.mode == "RGB"
        assert min(scene.image.size) >= 300
        assert max(scene.image.size) <= 640


def test_boxes_are_inside_the_image_and_the_largest_is_first(scenes):
    for scene in scenes:
        areas = [w * h for _, _, w, h in scene.person_boxes]
        assert areas == sorted(areas, reverse=True)
        assert 1 <= len(areas) <= 4
        for x, y, w, h in scene.person_boxes:
            assert x >= 0
            assert y >= 0
            assert w > 0
            assert h > 0
            assert x + w <= scene.image.width
            assert y + h <= scene.image.height


def test_the_main_person_fills_a_good_part_of_the_picture(scenes):
    for scene in scenes:
        _, _, w, h = scene.person_boxes[0]
        assert w * h >= 0.05 * scene.image.width * scene.image.height


def test_captions_name_their_own_activity_and_no_other(scenes):
    for scene in scenes:
        said = set(re.findall(r"\w+", scene.caption))
        named = {label for label, words in WORDS.items() if words & said}
        assert named == {scene.label}, scene.caption


def test_captions_agree_with_the_attributes_and_the_boxes(scenes):
    for scene in scenes:
        assert scene.attributes["top"] in scene.caption
        assert scene.attributes["people"] == str(len(scene.person_boxes))
        alone = not re.search(r"\b(two|three|four|another|other)\b", scene.caption)
        assert alone == (len(scene.person_boxes) == 1), scene.caption


def test_all_five_captions_name_the_activity_and_agree_with_the_boxes(scenes):
    for scene in scenes:
        assert len(scene.captions) == 5
        assert scene.captions[0] == scene.caption
        for text in scene.captions:
            said = set(re.findall(r"\w+", text))
            assert {label for label, words in WORDS.items() if words & said} == {scene.label}, text
            alone = not said & {"two", "three", "four", "another", "other"}
            assert alone == (len(scene.person_boxes) == 1), text


def test_joints_lie_on_the_main_person(scenes):
    for scene in scenes:
        middles = [
            np.mean([scene.joints["l" + n], scene.joints["r" + n]], axis=0)
            for n in ("shoulder", "hip")
        ]
        # what hides a person cuts the box; the trunk's middle is hardly ever hidden
        x, y, w, h = min(scene.person_boxes, key=lambda box: box_distance(box, np.mean(middles, 0)))
        u, v = np.mean(middles, axis=0)
        assert x <= u <= x + w
        assert y <= v <= y + h
        assert scene.joints["head"][1] < scene.joints["pelvis"][1]


def box_distance(box: tuple[int, int, int, int], point: np.ndarray) -> float:
    x, y, w, h = box
    return float(np.hypot(point[0] - x - w / 2, point[1] - y - h / 2))


@pytest.mark.parametrize("seed", [0, 1, 3, 4, 6, 7])  # of several people, another may be largest
def test_a_scene_drawn_smaller_is_the_same_scene(seed):
    label = rendering.LABELS[seed % 3]
    full, small = rendering.render(label, seed), rendering.render(label, seed, longest=192)
    assert max(small.image.size) == 192
    assert (small.captions, small.attributes) == (full.captions, full.attributes)
    share = 192 / max(full.image.size)
    for name, place in full.joints.items():
        assert np.array(place) * share == pytest.approx(np.array(small.joints[name]), abs=2), name
    reduced = full.image.resize(small.image.size, Image.Resampling.BOX)
    pixels = [np.asarray(image, float).ravel() for image in (reduced, small.image)]
    assert np.corrcoef(pixels)[0, 1] > 0.95
    assert np.abs(pixels[0] - pixels[1]).mean() < 12  # edges and exposure differ a little


def test_attributes_never_tell_the_activity(scenes):
    words = set.union(*WORDS.values())
    for scene in scenes:
        assert not words & set(re.findall(r"\w+", " ".join(scene.attributes.values())))
    assert len({tuple(scene.attributes) for scene in scenes}) == 1


@pytest.mark.parametrize("name", ["furniture", "setting", "view", "light"])
def test_scenery_is_as_frequent_in_every_class(scenes, name):
    # 0.4 is 3.6 standard deviations of the difference between two shares of 40 scenes.
    counts = {label: Counter() for label in rendering.LABELS}
    for scene in scenes:
        counts[scene.label][scene.attributes[name]] += 1
    for value in set().union(*counts.values()):
        shares = [counts[label][value] / 40 for label in rendering.LABELS]
        assert max(shares) - min(shares) < 0.4, (value, shares)


def test_an_unknown_label_is_an_input_error():
    with pytest.raises(InputError, match=r"'siting'.*walking_running, sitting, standing.*sitting"):
        rendering.render("siting", 0)


def test_write_dataset_checks_labels_before_it_writes(tmp_path):
    with pytest.raises(InputError, match="swimming"):
        rendering.write_dataset(tmp_path / "new", {"sitting": 1, "swimming": 1}, seed=0)
    assert not (tmp_path / "new").exists()


def test_dataset_has_the_asked_rows_and_readable_photos(tmp_path):
    frame = rendering.write_dataset(tmp_path, {"sitting": 2, "standing": 3}, seed=1)
    assert list(frame.columns) == ["id", "label", "url", "sha256", "person_boxes", "caption"]
    assert frame["label"].value_counts().to_dict() == {"sitting": 2, "standing": 3}
    assert frame["id"].is_unique
    for row in frame.itertuples():
        assert row.url == f"photos/{row.id}.jpg"
        assert re.fullmatch(r"\d+ \d+ \d+ \d+(;\d+ \d+ \d+ \d+)*", row.person_boxes)
        with Image.open(tmp_path / row.url) as photo:
            assert photo.format == "JPEG"
            assert not photo.getexif()
            photo.load()


def test_one_more_scene_leaves_the_others_as_they_are(tmp_path):
    few = rendering.write_dataset(tmp_path / "few", {"sitting": 2, "standing": 1}, seed=1)
    more = rendering.write_dataset(tmp_path / "more", {"sitting": 3, "standing": 1}, seed=1)
    kept = more[more["id"].isin(few["id"])].reset_index(drop=True)
    assert kept.equals(few)
    for url in few["url"]:
        assert (tmp_path / "few" / url).read_bytes() == (tmp_path / "more" / url).read_bytes()


def test_two_seeds_share_no_scene(tmp_path):
    one = rendering.write_dataset(tmp_path / "1", {"sitting": 2}, seed=1)
    two = rendering.write_dataset(tmp_path / "2", {"sitting": 2}, seed=2)
    assert not set(one["id"]) & set(two["id"])
    assert not {f.read_bytes() for f in (tmp_path / "1/photos").iterdir()} & {
        f.read_bytes() for f in (tmp_path / "2/photos").iterdir()
    }
