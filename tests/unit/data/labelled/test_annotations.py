"""Annotation files in the form of COCO's data format page and of Label Studio's export page."""

import json

import pytest

from stillact.core.errors import InputError
from stillact.data import manifest
from stillact.data.labelled import source

CLASSES = ["reading", "cooking"]


@pytest.fixture
def read(tmp_path):
    def load(content, name="labels.json", classes=CLASSES):
        text = content if isinstance(content, str) else json.dumps(content)
        (tmp_path / name).write_text(text)
        table = manifest.load(tmp_path / name, classes)
        return table[["url", "label", "person_boxes"]].to_numpy().tolist()

    return load


def coco(annotations, categories, images=2):
    return {
        "info": {"year": 2026},
        "images": [
            {"id": i, "file_name": f"00{i}.jpg", "width": 640, "height": 480}
            | {"coco_url": f"http://images.example.org/00{i}.jpg"}
            for i in range(1, images + 1)
        ],
        "annotations": [
            {"id": 10 + i, "image_id": image, "category_id": category, "bbox": box, "iscrowd": 0}
            for i, (image, category, box) in enumerate(annotations)
        ],
        "categories": [{"id": i, "name": name} for i, name in categories.items()],
    }


def test_coco_with_boxes_of_persons_and_labels_of_photos(read, tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images/002.jpg").write_bytes(b"x")
    boxes = [(1, 1, [1, 2, 30.5, 40]), (1, 1, [5, 5, 6, 7]), (1, 7, None), (2, 8, None)]
    assert read(coco(boxes, {1: "person", 7: "reading", 8: "cooking"}, images=3)) == [
        ["http://images.example.org/001.jpg", "reading", "1 2 30.5 40;5 5 6 7"],
        ["images/002.jpg", "cooking", ""],
    ]


def test_coco_with_boxes_of_activities(read):
    found = read(coco([(1, 7, [1, 2, 3, 4]), (1, 7, [5, 5, 6, 7])], {7: "reading", 8: "cooking"}))
    assert found == [["http://images.example.org/001.jpg", "reading", "1 2 3 4;5 5 6 7"]]


def test_coco_with_two_activities_in_a_photo_is_ambiguous(read):
    content = coco([(1, 7, [1, 2, 3, 4]), (1, 8, [5, 5, 6, 7])], {7: "reading", 8: "cooking"})
    with pytest.raises(InputError, match=r"1 photos have several .*001.jpg: cooking, reading"):
        read(content)


def test_coco_captions_lead_to_curate(read):
    content = {"images": [], "annotations": [{"image_id": 1, "id": 2, "caption": "a man sits"}]}
    with pytest.raises(InputError, match=r"captions and no categories. Set curate.captions"):
        read(content)


def task(url, *annotators):
    annotations = [
        {
            "id": 100 + i,
            "was_cancelled": choice is None,
            "result": [
                {
                    "value": {"choices": [choice]},
                    "from_name": "choice",
                    "to_name": "image",
                    "type": "choices",
                }
            ],
        }
        for i, choice in enumerate(annotators)
    ]
    return {"id": 1, "data": {"image": url}, "annotations": annotations, "predictions": []}


def test_label_studio(read, tmp_path):
    (tmp_path / "1a2b3c4d-b.jpg").write_bytes(b"x")
    tasks = [
        task("/data/local-files/?d=photos/Z%C3%BCrich%201 & 2.jpg", "reading", None),
        task("/data/upload/3/1a2b3c4d-b.jpg", "cooking", "cooking"),
        task("/data/upload/3/0a2b3c4d-c.jpg", "cooking"),
        task("https://example.org/d.jpg", "reading"),
        task("https://example.org/unlabelled.jpg"),
    ]
    expected = [
        ["photos/Zürich 1 & 2.jpg", "reading", ""],
        ["1a2b3c4d-b.jpg", "cooking", ""],
        ["c.jpg", "cooking", ""],
        ["https://example.org/d.jpg", "reading", ""],
    ]
    assert read(tasks) == expected


def test_annotators_of_label_studio_who_disagree(read):
    with pytest.raises(InputError, match=r"1 photos have several labels.*cooking, reading"):
        read([task("https://example.org/d.jpg", "reading", "cooking")])


def test_label_studio_json_min(read):
    minimal = [
        {"image": "https://example.org/a.jpg", "id": 1, "choice": "reading", "annotator": 1},
        {"image": "https://example.org/b.jpg", "id": 2, "choice": {"choices": ["cooking"]}},
    ]
    assert [label for _, label, _ in read(minimal)] == ["reading", "cooking"]


def test_label_studio_csv(read):
    text = (
        "image,id,choice,annotator,annotation_id,created_at,updated_at,lead_time\n"
        "/data/upload/1/1a2b3c4d-a.jpg,1,reading,1,1,2026-01-01,2026-01-01,2.5\n"
        "/data/local-files/?d=x/b.jpg,2,cooking,1,2,2026-01-01,2026-01-01,2.5\n"
    )
    assert read(text, "export.csv") == [["a.jpg", "reading", ""], ["x/b.jpg", "cooking", ""]]


@pytest.mark.parametrize("content", ["{", "[1]", '{"a": 1}', "[]", '{"images": 3}', "null"])
def test_other_json_is_an_error_that_names_the_file(read, content):
    with pytest.raises(InputError, match=r"manifest .*labels.json"):
        read(content)


def test_labels_are_counted_in_alphabetical_order(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("path;class\na.jpg;b\nb.jpg;A\nc.jpg;\nd.jpg;b\n")
    assert list(source.labels(file).items()) == [("A", 1), ("b", 2)]
    file.write_text("path;tag\na.jpg;b\n")
    with pytest.raises(InputError, match=r"no column label \(its columns: path, tag\)"):
        source.labels(file)
