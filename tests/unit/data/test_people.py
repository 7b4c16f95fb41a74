"""The table of the people in each photo."""

import pandas as pd

from stillact.data import people
from stillact.data.boxes import Box
from stillact.data.manifest import parse_boxes

MANIFEST = pd.DataFrame(
    {"id": ["a", "b", "c", "d"], "person_boxes": ["1 2 3 4", "", "5 6 7 8;9 9 9 9", "1 1 1 1"]}
)


def test_boxes_of_the_manifest():
    table = people.table(MANIFEST)
    assert table["person_boxes"].tolist() == MANIFEST["person_boxes"].tolist()
    assert table["source"].tolist() == ["manifest", "", "manifest", "manifest"]
    assert (table["scores"] == "").all()


def test_detected_people_replace_the_boxes_of_the_manifest():
    found = {"b": [(Box(1, 2, 11.04, 22), 0.91239), (Box(0, 0, 1, 1), 0.5)], "c": []}
    table = people.table(MANIFEST, found).set_index("id")
    assert table["source"].tolist() == ["manifest", "detector", "", "manifest"]
    assert table.loc["b", "scores"] == "0.912;0.500"
    assert table.loc["c", "person_boxes"] == ""  # nobody was found
    first, second = parse_boxes(table.loc["b", "person_boxes"])
    assert [round(edge, 1) for edge in first] == [1, 2, 11, 22]
    assert second == Box(0, 0, 1, 1)


def test_people_in_photos_outside_the_study():
    names = pd.Series(["a.jpg", "b.jpg", "c.jpg"], name="path")
    found = [[(Box(-3.27, 2, 11, 22), 0.9)], [], [(Box(0, 0, 4, 4), 1.0), (Box(1, 1, 2, 3), 0.25)]]
    table = people.of_files(names, iter(found))
    assert table.to_dict("list") == {
        "path": ["a.jpg", "b.jpg", "c.jpg"],
        "person_boxes": ["-3.3 2.0 14.3 20.0", "", "0.0 0.0 4.0 4.0;1.0 1.0 1.0 2.0"],
        "scores": ["0.900", "", "1.000;0.250"],
    }
    assert people.of_files(names[:0], []).columns.tolist() == ["path", "person_boxes", "scores"]


def test_a_box_thinner_than_the_precision_of_the_table_is_still_a_box():
    boxes, _ = people.cells([(Box(5, 5, 5.01, 9), 0.9)])
    assert parse_boxes(boxes) == [Box(5, 5, 5.1, 9)]
