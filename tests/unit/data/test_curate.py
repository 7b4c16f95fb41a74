import functools
import hashlib
import http.server
import io
import json
import os
import threading
import zipfile
from pathlib import Path

import pandas as pd
import pytest
import yaml

from stillact.config.data import Curate
from stillact.core.errors import InputError
from stillact.data import curate, manifest

ROOT = Path(__file__).parents[3]
SETTINGS = Curate(**yaml.safe_load((ROOT / "config.yaml").read_text())["curate"])
SHIPPED = ROOT / "data/coco_activities.csv"
OTHERS = ROOT / "data/coco_others.csv"
CLASSES = ["walking_running", "sitting", "standing"]


def settings(**changes):
    return SETTINGS.model_copy(update=changes)


def files(folder: Path, images: dict[int, list[str]], boxes: dict[int, list] | None = None):
    """COCO files of 100 x 100 px images with these captions; by default one box of half the image,
    and a larger one of another category."""
    boxes = boxes or {}
    captions = {
        "licenses": [{"id": 3, "url": "http://licence.example/3", "name": "Some"}],
        "images": [
            {
                "id": i,
                "file_name": f"{i:012}.jpg",
                "coco_url": f"http://photos.example/{i:012}.jpg",
                "width": 100,
                "height": 100,
                "license": 3,
            }
            for i in images
        ],
        "annotations": [{"image_id": i, "caption": c} for i in images for c in images[i]],
    }
    instances = {
        "categories": [{"id": 7, "name": "dog"}, {"id": 9, "name": "person"}],
        "annotations": [
            {"image_id": i, "category_id": category, "bbox": box, "iscrowd": 0}
            for i in images
            for category, box in [(7, [0, 0, 100, 100]), *((9, b) for b in boxes.get(i, [HALF]))]
        ],
    }
    paths = folder / "captions.json", folder / "instances.json"
    for path, content in zip(paths, (captions, instances), strict=True):
        path.write_text(json.dumps(content))
    return paths


HALF = [0, 0, 50, 100]


def ids(folder, images, boxes=None, label="standing", count=1, **changes):
    """The images that the rule takes for one class."""
    paths = files(folder, images, boxes)
    frame, _ = curate.curate(*paths, settings(images_per_class={label: count}, **changes), [])
    return frame.id.tolist()


@pytest.mark.parametrize(
    ("caption", "votes"),
    [
        ("A man stands.", True),
        ("A MAN Stands", True),
        ("A man one two three four stands", True),
        ("A man one two three four five stands", False),
        ("Standing is a man", False),  # the verb comes first
        ("A dog stands near a man", False),
        ("A man-sized dog standing", True),  # words are \w+
        ("A statue stands", False),
        ("A man is outstanding", False),
        ("Two men and five more in there; one woman stands", True),  # a later noun is near enough
    ],
)
def test_a_vote_needs_a_person_noun_at_most_four_words_before_the_verb(tmp_path, caption, votes):
    images = {1: [caption], 2: ["a woman stands", "the woman stands"]}
    paths = files(tmp_path, images)
    if votes:
        frame, _ = curate.curate(*paths, settings(images_per_class={"standing": 2}), [])
        assert dict(zip(frame.id, frame.caption_votes, strict=True)) == {"2": "2", "1": "1"}
    else:
        with pytest.raises(InputError, match=r"standing: 2 requested, .* leaves 1 candidates"):
            curate.curate(*paths, settings(images_per_class={"standing": 2}), [])


def test_a_verb_of_another_class_in_any_caption_disqualifies(tmp_path):
    images = {
        1: ["A man stands", "Seated dog"],
        2: ["A man stands", "A man running"],
        3: ["A man stands"],
    }
    assert ids(tmp_path, images) == ["3"]
    with pytest.raises(InputError, match="sitting: 1 requested, but the rule leaves 0"):
        ids(tmp_path, images, label="sitting")


def test_order_is_votes_then_fraction_then_id(tmp_path):
    one, two = ["A man stands"], ["A man stands", "A woman stood"]
    images = {5: one, 4: one, 30: one, 7: two, 6: two}
    boxes = {30: [[0, 0, 60, 100]], 7: [[0, 0, 20, 20]], 6: [[0, 0, 20, 20], [0, 0, 20, 21]]}
    assert ids(tmp_path, images, boxes, count=5) == ["6", "7", "30", "4", "5"]
    assert ids(tmp_path, images, boxes, count=3) == ["6", "7", "30"]
    paths = files(tmp_path, images, boxes)
    _, others = curate.curate(*paths, settings(images_per_class={"standing": 3}), [])
    assert others.id.tolist() == ["4", "5"]


def test_the_smallest_fraction_counts_and_other_categories_do_not(tmp_path):
    images = {i: ["A man stands"] for i in (1, 2, 3)}
    boxes = {1: [[0, 0, 20, 10]], 2: [[0, 0, 19.9, 10]], 3: []}
    assert ids(tmp_path, images, boxes) == ["1"]
    with pytest.raises(InputError, match="leaves 1 candidates"):
        ids(tmp_path, images, boxes, count=2)


def test_a_row_holds_the_facts_of_its_photo(tmp_path):
    paths = files(
        tmp_path, {12: ["A man sits"]}, {12: [[1, 2, 10, 20.06], [3, 3, 0, 9], [5, 5, 30.25, 40]]}
    )
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/000000000012.jpg").write_bytes(b"photo")
    row = {
        "id": "12",
        "label": "sitting",
        "caption_votes": "1",
        "largest_person_fraction": "0.1210",
        "url": "http://photos.example/000000000012.jpg",
        "license_id": "3",
        "license_url": "http://licence.example/3",
        "width": "100",
        "height": "100",
        "sha256": hashlib.sha256(b"photo").hexdigest(),
        "person_boxes": "5.0 5.0 30.2 40.0;1.0 2.0 10.0 20.1",
    }
    one = settings(images_per_class={"sitting": 1})
    dirs = [str(tmp_path / "absent"), str(tmp_path / "photos")]
    assert curate.curate(*paths, one, dirs)[0].to_dict("records") == [row]
    assert curate.curate(*paths, one, [])[0].to_dict("records") == [row | {"sha256": ""}]


def test_a_class_without_verbs_is_an_error(tmp_path):
    paths = files(tmp_path, {1: ["A man sits"]})
    with pytest.raises(InputError, match=r"images_per_class: 'lying' has no curate\.verbs"):
        curate.curate(*paths, settings(images_per_class={"lying": 1}), [])


def test_files_that_are_not_cocos_are_named_with_the_key(tmp_path):
    captions, instances = files(tmp_path, {1: ["A man sits"]})
    whole = {path: path.read_text() for path in (captions, instances)}

    def fails(path, text, message):
        path.write_text(text)
        with pytest.raises(InputError, match=message) as error:
            curate.curate(captions, instances, settings(images_per_class={"sitting": 1}), [])
        assert str(path) in str(error.value)
        path.write_text(whole[path])

    fails(captions, whole[captions][:-20], "not a complete JSON file")
    fails(captions, "[]", "top level")
    fails(captions, whole[captions].replace('"images"', '"pictures"'), "'images' is not a list")
    fails(captions, whole[captions].replace('"caption"', '"text"'), r"annotations\[0\].*'caption'")
    fails(instances, whole[instances].replace('"person"', '"human"'), "no 'person'")
    fails(instances, whole[instances].replace("[0, 0, 50, 100]", "[0, 0]"), "not four numbers")
    fails(instances, whole[instances].replace('"bbox"', '"box"'), r"annotations\[0\].*'bbox'")


@pytest.fixture
def served(tmp_path):
    """A folder, and the address that it is served under; of cut_once.zip the first answer ends
    before its content-length."""
    folder = tmp_path / "served"
    folder.mkdir()

    cut = {"/cut_once.zip"}

    class Handler(http.server.SimpleHTTPRequestHandler):
        def copyfile(self, source, outputfile):
            if self.path in cut:
                cut.remove(self.path)
                outputfile.write(source.read(50))
            else:
                super().copyfile(source, outputfile)

        def log_message(self, *args):
            pass

    handler = functools.partial(Handler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def archive(members: dict[str, str]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as bundle:
        for name, text in members.items():
            bundle.writestr(name, text)
    return data.getvalue()


def test_annotations_come_from_the_archive_once(tmp_path, served):
    folder, url = served
    members = {SETTINGS.captions_member: "c", SETTINGS.instances_member: "i", "other.json": "o"}
    (folder / "a.zip").write_bytes(archive(members))
    of_archive = settings(annotations_url=f"{url}/a.zip")
    paths = curate.annotations(of_archive, tmp_path / "cache")
    assert [path.read_text() for path in paths] == ["c", "i"]
    assert paths[0].name == "captions_val2017.json"
    (folder / "a.zip").unlink()
    assert curate.annotations(of_archive, tmp_path / "cache") == paths
    assert not list((tmp_path / "cache").rglob("other.json"))
    assert not list((tmp_path / "cache").rglob("*.part"))


def test_a_download_that_breaks_off_is_tried_again(tmp_path, served, monkeypatch, caplog):
    folder, url = served
    monkeypatch.setattr(curate.time, "sleep", lambda seconds: None)
    members = {SETTINGS.captions_member: "c" * 99, SETTINGS.instances_member: "i"}
    (folder / "cut_once.zip").write_bytes(archive(members))
    paths = curate.annotations(settings(annotations_url=f"{url}/cut_once.zip"), tmp_path / "cache")
    assert [path.read_text() for path in paths] == ["c" * 99, "i"]
    assert "attempt 1 of 3" in caplog.text


def test_local_annotations_need_no_network(tmp_path):
    paths = files(tmp_path, {})
    local = settings(
        captions=str(paths[0]), instances=str(paths[1]), annotations_url="http://127.0.0.1:1/a.zip"
    )
    assert curate.annotations(local, tmp_path / "cache") == paths
    with pytest.raises(InputError, match=r"curate\.instances: no file .*nowhere\.json"):
        curate.annotations(
            local.model_copy(update={"instances": str(tmp_path / "nowhere.json")}), tmp_path
        )


def test_archives_that_cannot_serve_are_told_and_not_kept(tmp_path, served, monkeypatch):
    folder, url = served
    monkeypatch.setattr(curate.time, "sleep", lambda seconds: None)
    whole = archive({SETTINGS.captions_member: "captions" * 99, SETTINGS.instances_member: "i"})
    (folder / "page.zip").write_text("<html>")
    (folder / "damaged.zip").write_bytes(whole.replace(b"captionscaptions", b"captionsCAPTIONS"))
    (folder / "other.zip").write_bytes(archive({SETTINGS.captions_member: "c"}))

    def fails(name, message):
        with pytest.raises(InputError, match=message) as error:
            curate.annotations(settings(annotations_url=f"{url}/{name}"), tmp_path / "cache")
        assert f"{url}/{name}" in str(error.value)
        assert "curate.captions" in str(error.value)
        assert "curate.instances" in str(error.value)

    fails("absent.zip", "could not fetch .*404")
    fails("page.zip", "not a zip archive")
    fails("damaged.zip", "damaged")
    assert not list((tmp_path / "cache").rglob("*.zip"))
    fails("other.zip", r"instances_member: .* has no member 'annotations/instances_val2017\.json'")
    assert not list((tmp_path / "cache").rglob("instances*"))


@pytest.fixture
def coco() -> Path:
    folder = os.environ.get("STILLACT_COCO")
    if not folder:
        pytest.skip("STILLACT_COCO is not set: the folder of COCO's val2017/ and annotations/")
    return Path(folder)


def test_a_crowd_counts_in_the_rule_and_is_no_persons_box(tmp_path):
    captions, instances = files(tmp_path, {1: ["a man is standing"]}, {1: [HALF, [0, 0, 80, 100]]})
    content = json.loads(instances.read_text())
    content["annotations"][-1]["iscrowd"] = 1
    instances.write_text(json.dumps(content))
    frame, _ = curate.curate(captions, instances, settings(images_per_class={"standing": 1}), [])
    assert float(frame.largest_person_fraction[0]) == 0.8
    assert frame.person_boxes.tolist() == ["0.0 0.0 50.0 100.0"]
    content["annotations"][-2]["iscrowd"] = 1
    instances.write_text(json.dumps(content))
    frame, _ = curate.curate(captions, instances, settings(images_per_class={"standing": 1}), [])
    assert frame.person_boxes.tolist() == [""]


def test_the_rule_gives_the_expected_rows_and_the_shipped_file(coco):
    frame, others = curate.curate(
        coco / "annotations/captions_val2017.json",
        coco / "annotations/instances_val2017.json",
        SETTINGS,
        [str(coco / "val2017")],
    )
    expected = pd.read_csv(coco / "manifest_expected.csv", dtype=str)
    expected = expected.rename(columns={"image_id": "id"})
    pd.testing.assert_frame_equal(frame[expected.columns], expected)
    shipped = pd.read_csv(SHIPPED, dtype=str, keep_default_na=False)
    pd.testing.assert_frame_equal(frame, shipped)
    shipped = pd.read_csv(OTHERS, dtype=str, keep_default_na=False)
    pd.testing.assert_frame_equal(others, shipped)


def test_the_shipped_manifest_of_the_others_is_valid_and_has_none_of_the_selected():
    others = manifest.load(OTHERS, CLASSES)
    # 995 are eligible: 136, 348 and 511
    assert others.label.value_counts().to_dict() == {
        "standing": 511 - 92,
        "sitting": 348 - 95,
        "walking_running": 136 - 98,
    }
    assert set(others.id).isdisjoint(manifest.load(SHIPPED, CLASSES).id)


def test_the_shipped_manifest_is_valid_and_has_the_papers_counts():
    photos = manifest.load(SHIPPED, CLASSES)
    assert photos.label.value_counts().to_dict() == SETTINGS.images_per_class
    assert SETTINGS.images_per_class == {"walking_running": 98, "sitting": 95, "standing": 92}
    assert photos.sha256.str.fullmatch("[0-9a-f]{64}").all()
    assert photos.url.str.startswith("http://images.cocodataset.org/val2017/").all()
    facts = pd.read_csv(SHIPPED)
    assert facts.license_url.str.startswith("http").all()
    for fraction, boxes, width, height in zip(
        facts.largest_person_fraction, photos.person_boxes, facts.width, facts.height, strict=True
    ):
        areas = [box.area for box in manifest.parse_boxes(boxes)]
        assert areas[0] / (width * height) == pytest.approx(fraction, abs=1e-3)
        assert areas[0] >= 0.99 * max(areas)
