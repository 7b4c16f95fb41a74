import hashlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillact.core.tables import read_csv, sha256_of, write_csv


@pytest.fixture
def round_trip(tmp_path):
    def there_and_back(frame: pd.DataFrame) -> pd.DataFrame:
        write_csv(frame, tmp_path / "table.csv")
        return read_csv(tmp_path / "table.csv")

    return there_and_back


IDS = ["000123", "1e5", "", "NA", "null", "None", "nan", "True", "1.0", "a,b", 'a"b', "a\nb", "é"]


@pytest.mark.parametrize("column", ["id", "image_id", "image_id_b", "label", "url", "sha256"])
def test_text_stays_text(round_trip, column):
    back = round_trip(pd.DataFrame({column: IDS, "images": range(len(IDS))}))
    assert back[column].tolist() == IDS
    assert back["images"].tolist() == list(range(len(IDS)))


@pytest.mark.parametrize("values", [["000123", "0042"], ["1e5", "2"], ["", "7"], ["True", "False"]])
def test_text_that_looks_like_numbers_stays_text(round_trip, values):
    frame = pd.DataFrame({"image_id": values, "group": values})
    assert round_trip(frame).to_dict("list") == frame.to_dict("list")


def test_a_column_of_empty_text_is_not_a_column_of_numbers(round_trip):
    assert round_trip(pd.DataFrame({"group": ["", ""]}))["group"].tolist() == ["", ""]
    assert round_trip(pd.DataFrame({"group": [None, "a"]}))["group"].tolist() == ["", "a"]


def test_na_is_a_word_in_any_column(round_trip):
    kinds = ["NA", "null", "nan", "near"]
    assert round_trip(pd.DataFrame({"kind": kinds}))["kind"].tolist() == kinds


def test_no_number_is_nan(round_trip):
    back = round_trip(pd.DataFrame({"sd": [0.5, None], "width": [None, 3]}))
    assert back.dtypes.tolist() == [float, float]
    assert back["sd"].isna().tolist() == [False, True]
    assert back["width"].isna().tolist() == [True, False]


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=200))
def test_floats_come_back_bit_for_bit(tmp_path_factory, values):
    path = tmp_path_factory.getbasetemp() / "floats.csv"
    given = np.array([0.1, *values])
    write_csv(pd.DataFrame({"mean": given}), path)
    back = read_csv(path)["mean"].to_numpy()
    assert back.dtype == float
    assert back.tobytes() == given.tobytes()


def test_floats_are_written_with_the_fewest_digits(tmp_path):
    values = [0.1, 1 / 3, 1.0, 5e-324, 1e22]
    write_csv(pd.DataFrame({"mean": values}), tmp_path / "table.csv")
    assert (tmp_path / "table.csv").read_text().split() == ["mean", *map(repr, values)]


def test_the_same_table_gives_the_same_bytes(tmp_path):
    frame = pd.DataFrame({"id": ["b", "a"], "mean": [0.1, np.nan], "seed": [1, 2]}, index=[7, 3])
    for name in ("one.csv", "two.csv"):
        write_csv(frame.copy(), tmp_path / "made" / name)
    expected = b"id,mean,seed\nb,0.1,1\na,,2\n"
    assert (tmp_path / "made/one.csv").read_bytes() == expected
    assert (tmp_path / "made/two.csv").read_bytes() == expected


class Unprintable:
    def __str__(self):
        raise RuntimeError("no disk")


def test_a_write_that_fails_leaves_the_old_table_alone(tmp_path):
    path = tmp_path / "table.csv"
    write_csv(pd.DataFrame({"id": ["old"]}), path)
    rows = ["new"] * 100_000 + [Unprintable()]  # the first ones reach the disk
    with pytest.raises(RuntimeError, match="no disk"):
        write_csv(pd.DataFrame({"id": rows}), path)
    assert path.read_bytes() == b"id\nold\n"
    assert [p.name for p in tmp_path.iterdir() if not p.name.startswith(".")] == ["table.csv"]


def test_sha256_is_that_of_the_bytes(tmp_path):
    (tmp_path / "empty").touch()
    (tmp_path / "some").write_bytes(b"abc" * 100_000)
    assert sha256_of(tmp_path / "empty").startswith("e3b0c44298fc1c149afbf4c8996fb924")
    assert sha256_of(tmp_path / "some") == hashlib.sha256(b"abc" * 100_000).hexdigest()
