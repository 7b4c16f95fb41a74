"""Person boxes against the sizes of their photos."""

import pandas as pd
import pytest

from stillact.core.errors import InputError
from stillact.data import box_check

RIGHT = ["10 20 30 40", "0 0 640 480;600 400 40 80", "", "5.5 5.5 100 200"] * 10


def check(boxes, width=640, height=480):
    ids = [f"p{i}" for i in range(len(boxes))]
    sizes = pd.array([width] * len(boxes), "Int64"), pd.array([height] * len(boxes), "Int64")
    images = pd.DataFrame({"id": ids, "width": sizes[0], "height": sizes[1]})
    box_check.check(pd.DataFrame({"id": ids, "person_boxes": boxes}), images)


def test_boxes_within_their_photos_pass(caplog):
    check(RIGHT)
    check([""] * 3)
    check(["0 0 9000 9000"], width=pd.NA, height=pd.NA)  # a photo that is missing
    assert not caplog.records


def test_a_few_beyond_their_photo_are_told(caplog):
    check([*RIGHT, "600 400 100 100"])
    (record,) = caplog.records
    assert "1 of 41 person boxes lie beyond their photo and are clipped: p40" in record.getMessage()


@pytest.mark.parametrize(
    ("boxes", "told"),
    [
        (["0.1 0.2 0.3 0.4", "0 0 1 1"], "p0: 0.1 0.2 0.3 0.4; multiply by its width and height"),
        (["100 100 300 400", "400 200 640 480"], "p0 .640 x 480 pixels.*corners, x1 y1 x2 y2"),
        (["10 20 1000 900", "100 100 200 200"], "boxes of photos of another size"),
    ],
)
def test_the_form_that_boxes_seem_to_have_is_named(boxes, told):
    with pytest.raises(InputError, match=told):
        check(boxes)
