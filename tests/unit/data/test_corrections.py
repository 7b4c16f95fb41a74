"""Corrected labels in folders, CSVs and other forms; nothing is lost, nothing is done by halves."""

import json
import unicodedata

import pytest

from stillact.core import user_csv
from stillact.core.errors import InputError
from stillact.data import corrections, manifest
from stillact.data.corrections import Correction, apply, read

CLASSES = ["cooking", "Läuft & rennt", "reading"]
HEADER = "id,photo,label,action,new_label"


@pytest.fixture
def folder(tmp_path):
    photos = tmp_path / "photos"
    for label in CLASSES:
        (photos / label).mkdir(parents=True)
        for number in range(3):
            (photos / label / f"{number}.jpg").write_text(f"{label} {number}")
    return photos


def saved(tmp_path, *rows: str):
    path = tmp_path / "corrections.csv"
    path.write_text("\n".join([HEADER, *rows, ""]), encoding="utf-8")
    return path


def of_table(photos, changes: dict) -> list[Correction]:
    """Corrections of a manifest's photos: new label, or None, by url."""
    table = manifest.load(photos, CLASSES).set_index("url")
    return [Correction(table["id"][u], u, table["label"][u], new) for u, new in changes.items()]


def corrected(photos, changes, **other):
    given = dict(classes=CLASSES, writable=True, beside=photos.parent / "corrected.csv")
    return apply(of_table(photos, changes), photos, **given | other)


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_rows_are_read(tmp_path):
    path = saved(tmp_path, "a,x.jpg,cooking,relabel,reading", "", 'b,"y, z.jpg",cooking,drop,')
    assert read(path, CLASSES) == [
        Correction("a", "x.jpg", "cooking", "reading"),
        Correction("b", "y, z.jpg", "cooking", None),
    ]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a,x.jpg,cooking,keep,", "row 2: unknown action 'keep': relabel or drop"),
        ("a,x.jpg,cooking,relabel,redding", "row 2: unknown label 'redding': one of cooking"),
        ("a,x.jpg,cooking,relabel,", "row 2: unknown label ''"),
        ("", "has no rows"),
    ],
)
def test_a_faulty_row_is_named(row, message, tmp_path):
    with pytest.raises(InputError, match=message):
        read(saved(tmp_path, row), CLASSES)


def test_another_file_is_refused(tmp_path):
    (tmp_path / "photos.csv").write_text("id,photo,label\na,x.jpg,cooking\n")
    with pytest.raises(InputError, match="no column action, new_label; save it again"):
        read(tmp_path / "photos.csv", CLASSES)


def test_photos_of_a_folder_are_moved(folder):
    before = contents(folder)
    done, where = corrected(
        folder,
        {
            "cooking/0.jpg": "Läuft & rennt",  # which has another 0.jpg
            "reading/1.jpg": None,
        },
    )
    after = contents(folder)
    assert after.pop("Läuft & rennt/0 (2).jpg") == before.pop("cooking/0.jpg")
    dropped = before.pop("reading/1.jpg")
    assert contents(folder.parent / "photos_dropped") == {"reading/1.jpg": dropped}
    assert after == before
    assert done["new_label"].tolist() == ["Läuft & rennt", ""]
    assert "are in their new folders" in where


def test_what_an_interrupted_call_has_moved_is_not_moved_again(folder):
    changes = {"cooking/0.jpg": "reading", "cooking/1.jpg": "reading"}
    given = of_table(folder, changes)
    common = (folder, CLASSES, True, folder.parent / "corrected.csv")
    apply(given[:1], *common)
    there = contents(folder)
    apply(given, *common)
    assert len(contents(folder)) == len(there) == 9
    apply(given, *common)
    assert len(contents(folder)) == 9


def test_subsets_and_subfolders_stay(tmp_path):
    photos = tmp_path / "photos"
    for part in ("train/cooking/anna", "train/reading", "test/cooking", "test/reading"):
        (photos / part).mkdir(parents=True)
        (photos / part / "a.jpg").write_text(part)
    corrected(photos, {"train/cooking/anna/a.jpg": "reading"})
    assert contents(photos)["train/reading/anna/a.jpg"] == "train/cooking/anna"


def test_the_folder_of_a_class_may_be_in_another_normal_form(folder):
    decomposed = unicodedata.normalize("NFD", "Läuft & rennt")
    (folder / "Läuft & rennt").rename(folder / decomposed)
    corrected(folder, {"cooking/2.jpg": "Läuft & rennt"})
    assert f"{decomposed}/2 (2).jpg" in contents(folder)


@pytest.mark.parametrize("photo", ["../cooking/0.jpg", "/etc/0.jpg"])
def test_nothing_outside_of_the_folder_is_moved(photo, folder):
    with pytest.raises(InputError, match="is not in"):
        apply([Correction("a", photo, "cooking", None)], folder, CLASSES, True, folder)


def test_a_missing_photo_changes_nothing(folder):
    before = contents(folder)
    given = [
        Correction("a", "cooking/0.jpg", "cooking", "reading"),
        Correction("b", "cooking/none.jpg", "cooking", "reading"),
    ]
    with pytest.raises(InputError, match=r"there is no photo .*none\.jpg"):
        apply(given, folder, CLASSES, True, folder)
    assert contents(folder) == before


DIALECTS = [("utf-8", ","), ("utf-8-sig", ";"), ("utf-16", "\t")]


@pytest.mark.parametrize(("encoding", "delimiter"), DIALECTS)
def test_a_csv_keeps_its_columns_and_dialect(encoding, delimiter, tmp_path):
    rows = [
        ["Datei", "path", "class", "note"],
        ["1", "a.jpg", "cooking", 'says "x"'],
        ["", "", "", ""],
        ["2", "b.jpg", "reading", ""],
        ["3", "c.jpg", "Läuft & rennt", "x"],
    ]
    quoted = [['"{}"'.format(cell.replace('"', '""')) for cell in row] for row in rows]
    text = "".join(f"{delimiter.join(row)}\n" for row in quoted)
    photos = tmp_path / "mine.csv"
    photos.write_bytes(text.encode(encoding))
    corrected(photos, {"a.jpg": "Läuft & rennt", "b.jpg": None})
    assert user_csv.rows(photos) == [
        rows[0],
        ["1", "a.jpg", "Läuft & rennt", 'says "x"'],
        rows[2],
        rows[4],
    ]
    content = photos.read_bytes()
    assert content.decode(encoding).count(delimiter) == 12
    assert content.startswith("Datei".encode(encoding))  # with its byte order mark
    assert (tmp_path / "mine.before.csv").read_bytes() == text.encode(encoding)
    corrected(photos, {"c.jpg": "reading"})
    assert (tmp_path / "mine.before.csv").read_bytes() == text.encode(encoding)  # still the first


def test_corrections_of_a_csv_may_be_applied_twice(tmp_path):
    photos = tmp_path / "mine.csv"
    photos.write_text("url,label\na.jpg,cooking\nb.jpg,reading\n")
    given = of_table(photos, {"a.jpg": "reading", "b.jpg": None})
    for _ in range(2):
        apply(given, photos, CLASSES, True, tmp_path / "corrected.csv")
        assert photos.read_text() == "url,label\na.jpg,reading\n"


def test_a_label_that_is_another_by_now_is_an_error(tmp_path):
    photos = tmp_path / "mine.csv"
    photos.write_text("url,label\na.jpg,cooking\n")
    given = of_table(photos, {"a.jpg": "reading"})
    photos.write_text("url,label\na.jpg,Läuft & rennt\n")
    with pytest.raises(InputError, match=r"'Läuft & rennt' in .*, and 'cooking' on the page"):
        apply(given, photos, CLASSES, True, tmp_path / "corrected.csv")
    with pytest.raises(InputError, match=r"has no photo b\.jpg"):
        apply([Correction("b", "b.jpg", "cooking", "reading")], photos, CLASSES, True, tmp_path)


def as_imagefolder(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "metadata.csv").write_text("file_name,label\na.jpg,cooking\nb.jpg,reading\n")
    for name in ("a.jpg", "b.jpg"):
        (photos / name).write_text(name)
    return photos


def as_coco(tmp_path):
    photos = tmp_path / "photos.json"
    content = {
        "images": [{"id": 1, "file_name": "photos/a.jpg"}, {"id": 2, "file_name": "photos/b.jpg"}],
        "categories": [{"id": 1, "name": "cooking"}, {"id": 2, "name": "reading"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1},
            {"id": 2, "image_id": 2, "category_id": 2},
        ],
    }
    photos.write_text(json.dumps(content))
    return photos


@pytest.mark.parametrize("form", [as_imagefolder, as_coco])
def test_other_forms_become_a_csv(form, tmp_path):
    photos = form(tmp_path)
    before = contents(tmp_path)
    urls = manifest.load(photos, CLASSES)["url"]
    _, where = corrected(photos, {urls[0]: "reading", urls[1]: None})
    table = manifest.load(tmp_path / "corrected.csv", CLASSES)
    assert table[["url", "label"]].to_numpy().tolist() == [["photos/a.jpg", "reading"]]
    assert "corrected.csv has the corrections: use that instead" in where
    assert {name: text for name, text in contents(tmp_path).items() if name in before} == before


def test_a_csv_of_others_is_not_rewritten(tmp_path):
    photos = tmp_path / "shipped.csv"
    photos.write_text("url,label,id\nhttp://a/b.jpg,cooking,7\n")
    corrected(photos, {"http://a/b.jpg": "reading"}, writable=False)
    assert photos.read_text().endswith("cooking,7\n")
    table = manifest.load(tmp_path / "corrected.csv", CLASSES)
    assert table.loc[0, ["url", "label", "id"]].tolist() == ["http://a/b.jpg", "reading", "7"]


def test_the_columns_are_those_of_the_page():
    assert ",".join(corrections.COLUMNS) == HEADER
