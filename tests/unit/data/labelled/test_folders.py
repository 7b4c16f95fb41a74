"""Layouts of folders. Those with subsets, and metadata files, are from the documentation of
torchvision's ImageFolder, Ultralytics' classification datasets and Hugging Face's imagefolder."""

import unicodedata

import pytest

from stillact.core.errors import InputError
from stillact.data import manifest
from stillact.data.fetch import local_files
from stillact.data.labelled import source

CLASSES = ["reading", "cooking"]


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


@pytest.fixture
def photos(tmp_path):
    return tmp_path / "photos"


def rows(folder, *columns, classes=CLASSES, **options):
    table = manifest.load(folder, classes, **options)
    return table[list(columns)].to_numpy().tolist()


def test_a_folder_of_classes_is_a_manifest(photos, monkeypatch):
    touch(photos, "reading/anna/01.jpg", "cooking/a b.PNG", "cooking/notes.txt")
    monkeypatch.chdir(photos)
    for folder in (photos, f"{photos}/", ".", "../photos"):
        assert rows(folder, "url", "label", "split", "group") == [
            ["cooking/a b.PNG", "cooking", "", ""],
            ["reading/anna/01.jpg", "reading", "", ""],
        ]
        for url in manifest.load(folder, CLASSES)["url"]:
            assert local_files.path_of(url, source.base(folder)).exists()


def test_photos_of_a_subfolder_are_a_group(photos):
    touch(
        photos, "reading/anna/1.jpg", "reading/anna/2/b.jpg", "reading/3.jpg", "cooking/anna/4.jpg"
    )
    assert rows(photos, "url", "group", group_by="folder") == [
        ["cooking/anna/4.jpg", "cooking/anna"],
        ["reading/3.jpg", ""],
        ["reading/anna/1.jpg", "reading/anna"],
        ["reading/anna/2/b.jpg", "reading/anna"],
    ]


def test_class_names_in_any_language(photos):
    decomposed = unicodedata.normalize("NFD", "Läuft & rennt")
    touch(photos, f"{decomposed}/a.jpg", "読書/b.jpg", "on the phone/c: d.jpg")
    assert list(source.labels(photos)) == ["Läuft & rennt", "on the phone", "読書"]
    table = manifest.load(photos, ["Läuft & rennt", "on the phone", "読書"])
    assert table["label"].tolist() == ["Läuft & rennt", "on the phone", "読書"]
    assert all(local_files.path_of(url, photos).exists() for url in table["url"])


@pytest.mark.parametrize("validation", ["val", "valid", "validation", "Validation"])
def test_a_layout_with_three_subsets_is_the_split(photos, validation):
    touch(photos, "train/reading/a.jpg", f"{validation}/reading/x/b.jpg", "test/cooking/c.jpg")
    expected = [["reading", "train"], ["reading", "validation"], ["cooking", "test"]]
    assert sorted(rows(photos, "label", "split")) == sorted(expected)


@pytest.mark.parametrize("held_out", ["val", "test"])
def test_with_two_subsets_the_one_held_out_is_the_test_set(photos, held_out):
    touch(photos, "train/reading/a.jpg", "train/cooking/b.jpg", f"{held_out}/cooking/c.jpg")
    expected = [["reading", ""], ["cooking", ""], ["cooking", "test"]]
    assert sorted(rows(photos, "label", "split")) == sorted(expected)


def test_one_subset_is_no_split(photos):
    touch(photos, "train/reading/a.jpg", "train/cooking/b.jpg")
    assert rows(photos, "label", "split") == [["cooking", ""], ["reading", ""]]


def test_a_class_may_have_the_name_of_a_subset(photos):
    touch(photos, "train/a.jpg", "bus/b.jpg")
    assert rows(photos, "label", classes=["train", "bus"]) == [["bus"], ["train"]]


def test_subsets_beside_classes_are_ambiguous(photos):
    touch(photos, "train/reading/a.jpg", "test/reading/b.jpg", "cooking/c.jpg")
    with pytest.raises(
        InputError, match="test, train are subsets by their names and cooking are no"
    ):
        manifest.load(photos, CLASSES)


def test_an_added_a_moved_and_a_replaced_photo_of_a_folder_are_noticed(photos):
    touch(photos, "reading/a.jpg", "cooking/b.jpg")

    def state():
        return local_files.content_of(photos), local_files.state_of_photos(photos, [])

    states = [state()]
    touch(photos, "cooking/c.jpg")
    states.append(state())
    (photos / "reading/a.jpg").rename(photos / "cooking/a.jpg")  # another label
    states.append(state())
    assert len({names for names, _ in states}) == 3
    (photos / "cooking/a.jpg").write_bytes(b"longer")
    assert state()[0] == states[-1][0]
    assert state()[1] != states[-1][1]


@pytest.mark.parametrize("subset", ["", "train/"])
def test_photos_outside_the_folders_of_the_classes_are_an_error(photos, subset):
    touch(photos, f"{subset}a.jpg", f"{subset}reading/b.jpg")
    with pytest.raises(InputError, match=r"1 photos are in no class folder \(first: .*a.jpg\)"):
        manifest.load(photos, CLASSES)


def test_a_folder_that_is_no_class_is_named_with_its_photos(photos):
    touch(photos, "Reading/a.jpg", "Reading/b.jpg", "cooking/c.jpg")
    with pytest.raises(InputError, match=r"named Reading \(2 photos\). Known .*reading, cooking"):
        manifest.load(photos, CLASSES)


METADATA = {
    "metadata.csv": "file_name,label,license_url\n0001.jpg,reading,MIT\nx/0002.jpg,cooking,\n",
    "metadata.jsonl": '{"file_name": "0001.jpg", "label": "reading", "license_url": "MIT"}\n'
    '{"file_name": "x/0002.jpg", "label": "cooking"}\n',
}


@pytest.mark.parametrize("name", METADATA)
def test_a_metadata_file(photos, name):
    touch(photos, "0001.jpg", "x/0002.jpg")
    (photos / name).write_text(METADATA[name])
    assert rows(photos, "url", "label") == [["0001.jpg", "reading"], ["x/0002.jpg", "cooking"]]
    assert manifest.column(photos, "license_url") == ["MIT", ""]


@pytest.mark.parametrize("name", METADATA)
def test_a_metadata_file_per_subset(photos, name):
    for subset in ("train", "validation", "test"):
        touch(photos, f"{subset}/0001.jpg")
        (photos / subset / name).write_text(METADATA[name])
    found = rows(photos, "url", "label", "split")
    assert ["validation/0001.jpg", "reading", "validation"] in found
    assert ["test/x/0002.jpg", "cooking", "test"] in found
    assert len(found) == 6


def test_a_metadata_file_without_labels_is_an_error(photos):
    touch(photos, "reading/a.jpg")
    (photos / "metadata.csv").write_text("file_name,text\nreading/a.jpg,a book\n")
    with pytest.raises(InputError, match=r"metadata.csv has no column label. .* remove the file"):
        manifest.load(photos, CLASSES)


def test_a_metadata_file_that_is_no_json_lines_is_an_error(photos):
    touch(photos, "reading/a.jpg")
    (photos / "metadata.jsonl").write_text("[1]\n{")
    with pytest.raises(InputError, match=r"metadata.jsonl is not JSON Lines"):
        manifest.load(photos, CLASSES)
