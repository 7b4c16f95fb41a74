"""Small datasets in the official forms of Stanford 40 Actions, VOC2012, MPII and V-COCO."""

import json

import numpy as np
import pytest
from scipy.io import savemat

from stillact.core.errors import InputError
from stillact.data import manifest
from stillact.data.labelled import source

JPEG = b"\xff\xd8\xff"


def person(box, actions=None, name="person"):
    left, top, right, bottom = box
    done = "" if actions is None else f"<actions>{actions}</actions>"
    ends = f"<xmax>{right}</xmax><xmin>{left}</xmin><ymax>{bottom}</ymax><ymin>{top}</ymin>"
    return f"<object><name>{name}</name>{done}<bndbox>{ends}</bndbox></object>"


def xml(*objects):
    return f"<annotation><filename>x.jpg</filename>{''.join(objects)}</annotation>"


def table(path, classes):
    found = manifest.load(path, classes)
    return found[["url", "label", "split", "group", "person_boxes"]].to_numpy().tolist()


@pytest.fixture
def stanford(tmp_path):
    for folder in ("JPEGImages", "ImageSplits", "XMLAnnotations"):
        (tmp_path / folder).mkdir()
    splits = {
        "actions": "action_name\tnumber_of_train/test images\nreading\t2\n",
        "train": "reading_001.jpg\nriding_a_bike_001.jpg\n",
        "test": "reading_002.jpg\n",
        "reading_train": "reading_001.jpg\n",
        "reading_test": "reading_002.jpg\n",
        "riding_a_bike_train": "riding_a_bike_001.jpg\n",
        "riding_a_bike_test": "",
    }
    for name, text in splits.items():
        (tmp_path / f"ImageSplits/{name}.txt").write_text(text)
    for name in ("reading_001", "reading_002", "riding_a_bike_001"):
        (tmp_path / f"XMLAnnotations/{name}.xml").write_text(
            xml(person((10, 20, 110.5, 220)), person((1, 1, 1, 5)))
        )
    return tmp_path


def test_stanford_40_has_classes_boxes_and_its_own_test_photos(stanford):
    assert table(stanford, ["reading", "riding_a_bike"]) == [
        ["JPEGImages/reading_002.jpg", "reading", "test", "", "10 20 100.5 200"],
        ["JPEGImages/reading_001.jpg", "reading", "", "", "10 20 100.5 200"],
        ["JPEGImages/riding_a_bike_001.jpg", "riding_a_bike", "", "", "10 20 100.5 200"],
    ]
    assert source.labels(stanford) == {"reading": 2, "riding_a_bike": 1}
    assert source.base(stanford) == stanford


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("XMLAnnotations/reading_001.xml", "<annotation>", r"reading_001.xml is not XML: "),
        ("XMLAnnotations/reading_001.xml", None, r"there is no .*reading_001.xml; extract"),
        (
            "XMLAnnotations/reading_001.xml",
            xml("<object><name>person</name></object>"),
            r"reading_001.xml: a person has no bndbox of four numbers",
        ),
        (
            "ImageSplits/riding_a_bike_test.txt",
            "reading_001.jpg",
            r"reading_001.jpg is in the lists of 2 classes or subsets",
        ),
    ],
)
def test_a_damaged_dataset_is_an_error(stanford, file, text, message):
    (stanford / file).unlink()
    if text is not None:
        (stanford / file).write_text(text)
    with pytest.raises(InputError, match=message):
        source.rows(stanford)


def test_a_dataset_without_photos_is_an_error(stanford):
    for file in (stanford / "ImageSplits").iterdir():
        file.unlink()
    with pytest.raises(InputError, match="the lists of the dataset name no photo"):
        source.rows(stanford)


def test_vocs_label_is_the_action_of_the_largest_person(tmp_path):
    for folder in ("JPEGImages", "ImageSets/Action", "Annotations"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "ImageSets/Action/train.txt").write_text("a 1\na 2\nb 1\nc 1\nd 1\n")
    (tmp_path / "ImageSets/Action/val.txt").write_text("e 2\nf 1\n")
    jump, run = (
        "<jumping>1</jumping><running>0</running>",
        "<jumping>0</jumping><running>1</running>",
    )
    small, large = (0, 0, 50, 100), (100, 0, 300, 200)
    photos = {
        "a": xml(person(small, jump), person(large, run)),
        "b": xml(person(small, jump), person(large, "<jumping>1</jumping><running>1</running>")),
        "c": xml(person(large, "<jumping>0</jumping><other>1</other>")),
        "d": xml(person(small, jump), person(large)),  # nothing is known of the largest
        "e": xml(person(large, name="horse"), person(small, jump)),
        "f": xml(person(small, run)),
    }
    for name, text in photos.items():
        (tmp_path / f"Annotations/{name}.xml").write_text(text)
    assert table(tmp_path, ["jumping", "running"]) == [
        ["JPEGImages/a.jpg", "running", "", "", "100 0 200 200;0 0 50 100"],
        ["JPEGImages/e.jpg", "jumping", "test", "", "0 0 50 100"],
        ["JPEGImages/f.jpg", "running", "test", "", "0 0 50 100"],
    ]


def matlab(path, photos):
    """A file in the form of MPII's RELEASE, of photos: name, category, whether to train, video,
    people (x, y, scale)."""
    annolist, act = [], []
    for name, category, _, video, people in photos:
        rects = [{"objpos": {"x": x, "y": y}, "scale": scale} for x, y, scale in people]
        annolist.append({"image": {"name": name}, "annorect": rects, "vididx": video})
        act.append({"cat_name": category, "act_name": "x", "act_id": 1})
    release = {
        "annolist": structs(annolist),
        "act": structs(act),
        "img_train": np.array([float(train) for _, _, train, *_ in photos]),
    }
    savemat(path, {"RELEASE": release})


def structs(records):
    """An array of structs, as MATLAB has it."""
    array = np.empty(len(records), dtype=[(name, object) for name in records[0]])
    for i, record in enumerate(records):
        for name, value in record.items():
            array[i][name] = structs(value) if isinstance(value, list) and value else value
    return array


def test_mpiis_label_is_the_category_and_videos_are_groups(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "annot").mkdir()
    (tmp_path / "images/1.jpg").write_bytes(JPEG)
    file = tmp_path / "annot/mpii_human_pose_v1_u12_1.mat"
    matlab(
        file,
        [
            ("1.jpg", "walking", True, 7, [(100, 150, 1.0), (300.5, 150, 0.5)]),
            ("2.jpg", "sports", True, 7, [(100, 150, 2.0)]),
            ("3.jpg", "sports", False, 8, [(100, 150, 2.0)]),
            ("4.jpg", [], True, 8, [(100, 150, 2.0)]),
            ("5.jpg", "walking", True, 9, []),
        ],
    )
    assert table(file, ["walking", "sports"]) == [
        ["../images/1.jpg", "walking", "", "video_7", "0 50 200 200;250.5 100 100 100"],
        ["images/2.jpg", "sports", "", "video_7", "-100 -50 400 400"],
        ["images/5.jpg", "walking", "", "video_9", ""],
    ]


def test_another_matlab_file_is_an_error(tmp_path):
    savemat(tmp_path / "other.mat", {"x": np.eye(2)})
    (tmp_path / "text.mat").write_text("no MATLAB file at all, which is long enough" * 9)
    for name in ("other.mat", "text.mat"):
        with pytest.raises(InputError, match=f"{name} is not MPII's mpii_human_pose_v1_u12_1.mat"):
            source.rows(tmp_path / name)
    with pytest.raises(InputError, match=r"none\.mat: no such file"):
        source.rows(tmp_path / "none.mat")


@pytest.fixture
def vcoco(tmp_path):
    """Photos 1 to 5, with one or two people each."""
    people = {11: (1, 10), 12: (1, 20), 21: (2, 10), 31: (3, 10), 41: (4, 10), 51: (5, 10)}
    coco = {
        "images": [
            {"id": i, "file_name": f"{i}.jpg", "coco_url": f"http://coco.example/{i}.jpg"}
            for i in range(1, 6)
        ],
        "annotations": [
            {"id": one, "image_id": image, "category_id": 1, "bbox": [0, 0, side, 2.5 * side]}
            for one, (image, side) in people.items()
        ],
        "categories": [{"id": 1, "name": "person"}],
    }
    done = {"sit": [11, 31], "stand": [12, 21, 31], "walk": [21], "hold": [41], "run": [51]}
    actions = [
        {
            "action_name": name,
            "image_id": [[people[one][0]] for one in people],
            "ann_id": [[one] for one in people],
            "label": [[int(one in who)] for one in people],
            "role_name": ["agent"],
            "role_object_id": [[one] for one in people],
        }
        for name, who in done.items()
    ]
    (tmp_path / "data/vcoco").mkdir(parents=True)
    (tmp_path / "data/instances_vcoco_all_2014.json").write_text(json.dumps(coco))
    file = tmp_path / "data/vcoco/vcoco_trainval.json"
    file.write_text(json.dumps(actions))
    return file


def test_v_cocos_label_is_the_posture_of_the_largest_person(vcoco):
    assert table(vcoco, ["sit", "stand", "walk", "run"]) == [
        ["http://coco.example/1.jpg", "stand", "", "", "0 0 20 50;0 0 10 25"],
        ["http://coco.example/2.jpg", "walk", "", "", "0 0 10 25"],
        ["http://coco.example/5.jpg", "run", "", "", "0 0 10 25"],
    ]


def test_v_coco_needs_the_boxes_of_coco(vcoco):
    instances = vcoco.parents[1] / "instances_vcoco_all_2014.json"
    content = json.loads(instances.read_text())
    instances.write_text(json.dumps(content | {"annotations": content["annotations"][1:]}))
    with pytest.raises(InputError, match=r"has not the photo 1 of .*, or \[11\]"):
        source.rows(vcoco)
    instances.unlink()
    with pytest.raises(InputError, match=r"put instances_vcoco_all_2014\.json there"):
        source.rows(vcoco)
