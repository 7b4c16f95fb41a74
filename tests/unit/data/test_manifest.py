"""Manifests that are right, and each way in which one can be wrong."""

import csv
import hashlib
import io

import pytest

from stillact.core.errors import InputError
from stillact.core.logs import logger
from stillact.data import manifest
from stillact.data.boxes import Box

CLASSES = ["walking_running", "sitting", "standing"]
KNOWN = "Known (dataset.classes in config.yaml): walking_running, sitting, standing"


@pytest.fixture
def load(tmp_path):
    def load(content):
        path = tmp_path / "m.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return manifest.load(path, CLASSES)

    return load


@pytest.fixture
def faults(load, tmp_path):
    """The lines of the message, without the first; the file's name stands in that one."""

    def faults(content):
        with pytest.raises(InputError) as error:
            load(content)
        first, *lines = str(error.value).split("\n")
        assert first.startswith(f"manifest {tmp_path / 'm.csv'}")
        return [line.removeprefix("  ") for line in lines] or [first]

    return faults


def test_url_and_label_suffice(load):
    table = load("label,url\nsitting,http://a.org/b.jpg\nstanding,photos/c.jpg\n")
    assert table.columns.tolist() == [
        "id",
        "label",
        "url",
        "split",
        "group",
        "sha256",
        "person_boxes",
        "votes",
    ]
    assert table.index.tolist() == [0, 1]
    assert table.dtypes.astype(str).eq("str").all()
    url = "http://a.org/b.jpg"
    assert table.iloc[0].tolist() == [
        hashlib.sha256(url.encode()).hexdigest()[:12],
        "sitting",
        url,
        "",
        "",
        "",
        "",
        "",
    ]
    assert table.label.tolist() == ["sitting", "standing"]


def test_all_columns(load):
    table = load(
        "url,licence,id,label,split,group,sha256,person_boxes,votes\n"
        f"HTTPS://a/b,CC BY,007,sitting,train,g1,{'AB' * 32},1 2 3 4;5 6 7.5 8,3\n"
        f"file:///a.jpg,,NA,standing,test,,,,\n"
    )
    assert table.to_dict("list") == {
        "id": ["007", "NA"],
        "label": ["sitting", "standing"],
        "url": ["HTTPS://a/b", "file:///a.jpg"],
        "split": ["train", "test"],
        "group": ["g1", ""],
        "sha256": ["ab" * 32, ""],
        "person_boxes": ["1 2 3 4;5 6 7.5 8", ""],
        "votes": ["3", ""],
    }


def test_votes_may_be_those_of_captions(load):
    assert load("url,label,caption_votes\na,sitting,5\n").votes.tolist() == ["5"]


@pytest.mark.parametrize("name", ["note", "Notes"])
def test_a_column_of_notes_is_not_one_of_votes(name, load):
    assert load(f"url,label,{name}\na,sitting,blurred\n").votes.tolist() == [""]


@pytest.mark.parametrize("value", ["many", "-1", "nan", "inf"])
def test_what_is_no_number_of_votes(faults, value):
    (line,) = faults(f"url,label,votes\nx,sitting,{value}\n")
    assert line == (
        f"row 2, column votes: {value!r} is not a number from 0; give how many people, or "
        "captions, gave the label, or clear it"
    )


def test_as_a_spreadsheet_writes_it(load):
    text = '\ufeffURL,Label,\r\n" a,b.jpg ",sitting ,\r\n,,\r\n\r\n"c\nd.jpg",standing,\r\n'
    table = load(text)
    assert table.url.tolist() == ["a,b.jpg", "c\nd.jpg"]
    assert table.label.tolist() == ["sitting", "standing"]


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"manifest .*none\.csv: no such file; correct the path"):
        manifest.load(tmp_path / "none.csv", CLASSES)
    with pytest.raises(InputError, match=rf"manifest {tmp_path}: no photo in this folder"):
        manifest.load(tmp_path, CLASSES)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("", "has no photos"),
        ("url,label\n", "has no photos"),
        ("url,label\n,\n\n", "has no photos"),
        ('url,label\na,"sitting\n', "is not CSV: unexpected end of data"),
        ("url,label\nä,sitting\n".encode("latin-1"), "is not UTF-8 (at byte 10)"),
    ],
)
def test_not_a_table(faults, content, what):
    (message,) = faults(content)
    assert what in message


@pytest.mark.parametrize(
    ("header", "lines"),
    [
        ("url,lable", ['no column label; add it. Did you mean "lable"?']),
        (
            "image,path,class,category",
            [
                "no column label; add it. Rename one of 'class', 'category' to it",
                "no column url; add it. Rename one of 'image', 'path' to it",
            ],
        ),
        (
            "url,label,spilt",
            ["unknown column 'spilt'. Did you mean \"split\"? Rename or remove it"],
        ),
        (
            "url,label,SHA_256",
            ["unknown column 'sha_256'. Did you mean \"sha256\"? Rename or remove it"],
        ),
        ("url,label,url", ["column url is given twice; remove one"]),
    ],
)
def test_header(faults, header, lines):
    assert faults(f"{header}\na,b,c\n") == lines


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_of_a_spreadsheet_is_read_in_its_dialect(load, caplog, encoding, delimiter):
    rows = [
        ["Datei", "File", "Class", "person_boxes"],
        ["1", "größe, 1;2.jpg", "sitting", "1,5 2 30,25 40;5 6 7 8"],
    ]
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    with caplog.at_level("INFO", logger=logger.name):
        (photo,) = load(text.getvalue().encode(encoding)).itertuples()
    assert (photo.url, photo.label) == ("größe, 1;2.jpg", "sitting")
    boxes = manifest.parse_boxes(photo.person_boxes)
    assert boxes == [Box.of_size(1.5, 2, 30.25, 40), Box.of_size(5, 6, 7, 8)]
    assert [message.partition(": ")[2] for message in caplog.messages] == [
        "the column 'File' is used as url",
        "the column 'Class' is used as label",
    ]


def test_a_column_of_the_right_name_is_preferred(load):
    (photo,) = load("file,url,class,label\nx,a.jpg,y,sitting\n").itertuples()
    assert (photo.url, photo.label) == ("a.jpg", "sitting")


def test_column_that_is_like_one_that_is_there_is_ignored(load):
    assert len(load("url,label,split,splits\na,sitting,test,2\n")) == 1


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (",sitting", "url: empty; give an address or a path"),
        ("a", f"label: empty; give one of the classes. {KNOWN}"),
        ("a,siting", f"label: unknown label 'siting'. Did you mean \"sitting\"? {KNOWN}"),
        ("a,flying", f"label: unknown label 'flying'. {KNOWN}"),
        ("b,sitting", "url: 'b' is already in row 2, with the same label; remove one"),
        (
            "b,standing",
            "url: 'b' is already in row 2, with label 'sitting', here with 'standing'; remove one",
        ),
        ("a,sitting,first", "id: 'first' is already in row 2; use another"),
        (
            "a,sitting,../x",
            "id: '../x' is not an id; use up to 64 of A-Z a-z 0-9 . _ - and start "
            "with a letter or digit",
        ),
        ("a,sitting,x,abc", "sha256: 'abc' is not 64 hex digits; correct or clear it"),
        (
            "a,sitting,x,,1 2 3",
            "person_boxes: '1 2 3' is not \"x y width height\" in pixels "
            "(several joined by ;); correct or clear it",
        ),
        (
            "a,sitting,x,,,more,cells",
            "(none): 'more,cells' is beyond the last of 5 columns; "
            "put a cell that contains the delimiter in double quotes",
        ),
    ],
)
def test_row(faults, row, fault):
    lines = faults(f"url,label,id,sha256,person_boxes\nb,sitting,first,,\n\n{row}\n")
    assert lines == [f"row 4, column {fault}"]


@pytest.mark.parametrize("value", ["a", "A-1_2.jpg", "0" * 64])
def test_ids(load, value):
    assert load(f"url,label,id\nx,sitting,{value}\n").id[0] == value


@pytest.mark.parametrize("value", ["a/b", ".", "-a", "a b", "ä", "0" * 65, "a\nb"])
def test_what_is_no_id(faults, value):
    (line,) = faults(f'url,label,id\nx,sitting,"{value}"\n')
    assert line.startswith(f"row 2, column id: {value!r} is not an id")


@pytest.mark.parametrize(
    "url", ["http://a/b", "https://a:8080/b?c=d#e", "file:///a/b", "a/b.jpg", "/a.jpg", "./a:b.jpg"]
)
def test_addresses(load, url):
    assert load(f"url,label\n{url},sitting\n").url[0] == url


@pytest.mark.parametrize(
    ("url", "what"),
    [
        (
            "ftp://a/b",
            "'ftp://a/b' starts with 'ftp:'; use http://, https://, file:// or a path "
            "(with ./ before a path that contains a colon)",
        ),
        ("http:///b", "'http:///b' has no host; write http://host/path"),
        ("https:b", "'https:b' has no host; write https://host/path"),
        ("file://a/b", "'file://a/b' is not an absolute path; write file:///folder/photo.jpg"),
        ("file:b", "'file:b' is not an absolute path; write file:///folder/photo.jpg"),
        ("http://[::1/b", "'http://[::1/b' is not an address: Invalid IPv6 URL; correct it"),
        (
            "http://a:99999/b",
            "'http://a:99999/b' is not an address: Port out of range 0-65535; correct it",
        ),
        (
            "=1+1.jpg",
            "'=1+1.jpg' would be read as a formula by a spreadsheet; put ./ before the path",
        ),
        ("@a.jpg", "'@a.jpg' would be read as a formula by a spreadsheet; put ./ before the path"),
    ],
)
def test_what_is_no_address(faults, url, what):
    assert faults(f"url,label\n{url},sitting\n") == [f"row 2, column url: {what}"]


def test_what_tools_write_for_an_empty_cell_is_no_group(load):
    words = ["nan", "NaN", "None", "null", "NA", "<NA>", "nancy", "none of these"]
    rows = "".join(f"{i}.jpg,sitting,{word}\n" for i, word in enumerate(words))
    groups = load(f"url,label,group\n{rows}").group.tolist()
    assert groups == [""] * 6 + ["nancy", "none of these"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("\n  <html lang='en'>\n<body>Sign in</body></html>\n", "is a web page, not CSV"),
        ("<!DOCTYPE html>\n<html><body>Sign in</body></html>\n", "is a web page, not CSV"),
        ("url,label\ndata:" + 140_000 * "A" + ",sitting\n", "no data: urls"),
    ],
)
def test_what_people_give_instead_is_named(load, content, told):
    with pytest.raises(InputError) as error:
        load(content)
    assert told in str(error.value)


def test_a_group_is_no_formula(faults, load):
    table = "url,label,group\na.jpg,sitting,{}\n"
    assert load(table.format("album-1")).group[0] == "album-1"
    assert faults(table.format("-1+cmd|' /C calc'!A0")) == [
        "row 2, column group: \"-1+cmd|' /C calc'!A0\" would be read as a formula by a "
        "spreadsheet; start with a letter"
    ]


def test_split_for_all_or_none(faults, load):
    allowed = "train, validation, test"
    assert faults("url,label,split\na,sitting,train\nb,sitting,\nc,sitting,val\n") == [
        "row 3, column split: empty, while other rows have one; "
        f"set {allowed}, or only test, or clear all",
        f"row 4, column split: unknown split 'val'. Allowed: {allowed}",
    ]
    assert load("url,label,split\na,sitting,\nb,sitting,\n").split.tolist() == ["", ""]
    rows = "url,label,split\na,sitting,\nb,sitting,test\n"
    assert load(rows).split.tolist() == ["", "test"]


def test_all_faults_in_one_message_in_order_of_rows(load):
    rows = "".join(f"u{i},jumping\n" for i in range(30))
    with pytest.raises(InputError) as error:
        load(f"url,label\n{rows}ftp:x,sitting\n")
    first, *lines = str(error.value).split("\n")
    assert first.endswith("has 31 faults (the header is row 1):")
    numbers = [line.split(",")[0] for line in lines[:-1]]
    assert numbers == [f"  row {i}" for i in range(2, 22)]
    assert lines[-1] == "  ... and 11 more"


def test_boxes():
    assert manifest.parse_boxes("") == []
    assert manifest.parse_boxes("0 1.5 2 3; 4 5 6 7") == [(0, 1.5, 2, 4.5), (4, 5, 10, 12)]


@pytest.mark.parametrize(
    "text",
    ["1 2 3", "1 2 3 4 5", "1,2,3,4", "1 2 0 4", "1 2 3 -4", "nan 2 3 4", "1 2 inf 4", "1 2 3 4;"],
)
def test_what_is_no_box(text):
    with pytest.raises(ValueError, match=r"."):
        manifest.parse_boxes(text)
