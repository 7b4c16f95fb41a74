"""Whatever stands in a manifest or a config: it is read, or an InputError says what is wrong."""

import copy
import csv
import io

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from stillact.core import tables
from stillact.core.errors import InputError
from stillact.data import manifest
from stillact.study.load import load
from support.projects import REPO

CLASSES = ["sitting", "standing"]
CELLS = st.sampled_from(
    [*CLASSES, "", "a.jpg", "http://a/b", "train", "1 2 3 4", "=cmd|' /C calc'!A0"]
)
CELLS |= st.text(max_size=12)
HEADERS = st.lists(st.sampled_from(manifest.COLUMNS) | CELLS, min_size=1, max_size=6)


def as_csv(rows) -> bytes:
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    return file.getvalue().encode("utf-8", errors="surrogatepass")


MANIFESTS = st.builds(
    lambda head, rows: as_csv([head, *rows]),
    HEADERS,
    st.lists(st.lists(CELLS, max_size=7), max_size=4),
)
VALID = st.lists(
    st.tuples(
        st.sampled_from(CLASSES),
        st.from_regex('[a-z]{1,8}[ äß,;"]?[a-z]{1,8}\\.jpg', fullmatch=True),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda row: row[1],
).map(lambda rows: as_csv([["label", "url"], *rows]))


@settings(max_examples=150)
@given(content=st.binary(max_size=60) | MANIFESTS | VALID)
def test_a_manifest_is_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "fuzz.csv"
    path.write_bytes(content)
    try:
        table = manifest.load(path, CLASSES)
    except InputError:
        return
    tables.write_csv(table, path)
    assert manifest.load(path, CLASSES).equals(table)


@settings(max_examples=30)
@given(content=VALID)
def test_a_manifest_in_order_is_read(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "fuzz.csv"
    path.write_bytes(content)
    assert (
        len(manifest.load(path, CLASSES))
        == len(list(csv.reader(io.StringIO(content.decode())))) - 1
    )


STUDY = yaml.safe_load((REPO / "config.yaml").read_text())
VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
VALUES |= st.lists(VALUES, max_size=2) | st.dictionaries(
    st.text(max_size=6) | st.integers(), VALUES, max_size=2
)


def places(node, path=()):
    """The path of every value of a nested mapping or list."""
    of = {dict: dict.items, list: enumerate}.get(type(node), lambda _: ())
    for key, value in of(node):
        yield (*path, key)
        yield from places(value, (*path, key))


@settings(max_examples=150)
@given(where=st.sampled_from(list(places(STUDY))), value=VALUES)
def test_a_config_is_read_or_refused(where, value):
    raw = copy.deepcopy(STUDY)
    block = raw
    for key in where[:-1]:
        block = block[key]
    block[where[-1]] = value
    try:
        study = load(raw)
    except InputError:
        return
    assert load(study.model_dump(mode="json")) == study


@pytest.mark.parametrize("raw", [{}, {"tasks": None}, {"seeds": {}}, {1: 2}])
def test_a_config_that_is_hardly_one(raw):
    with pytest.raises(InputError, match=r"config\.yaml is not a valid config"):
        load(raw)
