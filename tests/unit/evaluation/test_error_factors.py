import math

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from stillact.evaluation import error_factors


def manifest(*boxes: str) -> pd.DataFrame:
    ids = [f"p{i}" for i in range(len(boxes))]
    return pd.DataFrame({"id": ids, "person_boxes": boxes, "votes": np.arange(len(boxes)) + 3.0})


def images(count: int, width: int = 400, height: int = 300) -> pd.DataFrame:
    ids = [f"p{i}" for i in range(count)]
    return pd.DataFrame({"id": ids, "status": "ok", "width": width, "height": height})


def factors(*boxes: str, **size: int) -> pd.DataFrame:
    given = manifest(*boxes)
    return error_factors.factors(
        given, given, images(len(boxes), **size), dict.fromkeys(given["id"], 0.25)
    )


def test_one_person_by_hand():
    # 100 x 150 of 400 x 300; centre (150, 125), 50 and 25 from the middle; half the diagonal 250
    (row,) = factors("100 50 100 150").to_dict("records")
    assert row["person_size"] == pytest.approx(15_000 / 120_000)
    assert row["people"] == 1
    assert row["position"] == pytest.approx(math.hypot(50, 25) / 250)
    assert row["resolution"] == 0.12
    assert (row["brightness"], row["overlap"], row["cut_off"]) == (0.25, 0, "no")


def test_the_person_is_the_largest_box_as_far_as_it_lies_on_the_photo():
    # of the first box 100 x 100 lies on the photo, of the second 120 x 100, the third none
    (row,) = factors("-300 0 400 100;200 100 120 100;500 0 400 400").to_dict("records")
    assert row["person_size"] == pytest.approx(0.1)
    assert (row["people"], row["cut_off"]) == (2, "no")
    assert row["position"] == pytest.approx(60 / 250)


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ("", 0),
        (";100 100 50 100", 0.5),
        (";100 100 50 100;125 100 50 100", 0.75),  # 25 of their pixels are under both
        (";100 100 50 100;100 100 50 50", 0.5),
        (";150 150 90 90;90 90 20 20", 0.25 + 0.01),
        (";0 0 90 90", 0),
    ],
)
def test_overlap_counts_what_is_under_any_other_box_once(others, expected):
    (share,) = factors("100 100 100 100" + others)["overlap"]
    assert share == pytest.approx(expected)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ("5 50 100 100", "no"),
        ("4 50 100 100", "yes"),  # 1 % of 400
        ("50 3 100 100", "yes"),
        ("296 50 100 100", "yes"),
        ("295 50 100 100", "no"),
        ("50 197 100 100", "yes"),
        ("50 196 100 100", "no"),
    ],
)
def test_a_box_near_the_edge_is_cut_off(box, expected):
    assert factors(box)["cut_off"].tolist() == [expected]


def test_without_a_box_on_the_photo_only_what_hangs_on_pixels_is_known():
    table = factors("", "500 0 50 50", "10 10 50 50")
    of_boxes = ["person_size", "people", "position", "overlap", "cut_off"]
    assert table.loc[:1, of_boxes].isna().all(axis=None)
    assert table.loc[2, of_boxes].notna().all()
    assert table[["resolution", "brightness"]].notna().all(axis=None)
    assert factors("")[of_boxes].isna().all(axis=None)


def test_photos_that_could_not_be_had_have_no_row():
    had = images(2).assign(status=["missing", "ok"], width=[pd.NA, 400])
    table = error_factors.factors(manifest("", ""), manifest("", ""), had, {"p1": 0.5})
    assert table["image_id"].tolist() == ["p1"]
    assert table["votes"].tolist() == [4]


@pytest.mark.parametrize("kind", ["jpg", "png"])
def test_brightness_is_the_mean_luma(tmp_path, kind):
    half = np.zeros((600, 900, 3), np.uint8)
    half[:, :300] = 255
    for name, picture, expected in (
        ("half", Image.fromarray(half), 1 / 3),
        ("green", Image.new("RGB", (40, 30), (0, 255, 0)), 0.587),  # ITU-R 601
        ("grey", Image.new("L", (30, 40), 51), 0.2),
    ):
        picture.save(tmp_path / f"{name}.{kind}")
        assert error_factors.mean_luma(tmp_path / f"{name}.{kind}") == pytest.approx(
            expected, abs=0.01
        )


def test_a_16_bit_photo_has_the_brightness_of_its_high_byte(tmp_path):
    Image.fromarray(np.full((30, 40), 51 << 8, np.uint16)).save(tmp_path / "grey.png")
    assert error_factors.mean_luma(tmp_path / "grey.png") == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize(
    ("values", "places"),
    [
        ([3, 1, 2, 9, 8, 7, 4, 5, 6], [0, 0, 0, 2, 2, 2, 1, 1, 1]),
        ([0, 0, 0, 0, 0, 0, 1, 2, 3, 4], [0] * 6 + [1] * 4),  # six tenths are alike
        ([1, 1, 1, 1, 1, 1, 1, 1, 1, 2], [0] * 10),  # one alone is no bin
        ([5, 5, 5], [0, 0, 0]),
        ([5], [0]),
        ([1, math.nan, 2, 3], [0, math.nan, 1, 2]),
        ([math.nan, math.nan], [math.nan, math.nan]),
    ],
)
def test_bins_of_equal_mass_never_part_equal_values(values, places):
    found = error_factors.equal_mass(pd.Series(values, dtype=float))
    assert found.tolist() == pytest.approx(places, nan_ok=True)
