"""Photos that are files: which file is meant, and whether it has changed."""

import os

import pytest

from stillact.core.errors import InputError
from stillact.data.fetch import local_files


@pytest.fixture
def files(tmp_path):
    def files(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)

    return files


@pytest.mark.parametrize(
    ("there", "url", "expected"),
    [
        (["001.jpg"], "http://h/anna/001.jpg", ["001.jpg"]),
        (["001.jpg", "anna/001.jpg"], "http://h/x/anna/001.jpg", ["anna/001.jpg", "001.jpg"]),
        (["bert/001.jpg"], "http://h/anna/001.jpg", []),
        (["p.jpg", "p.jpg?id=2"], "http://h/p.jpg?id=2", ["p.jpg?id=2", "p.jpg"]),
        (["a b.jpg"], "http://h/a%20b.jpg", ["a b.jpg"]),
        (["secret"], "http://h/x/../secret", []),
        ([], "http://h/" + 300 * "x", []),
        ([], "http://h/", []),
        ([], "http://h/%00.jpg", []),
    ],
)
def test_the_longest_common_end_of_a_path_comes_first(files, tmp_path, there, url, expected):
    files(*there)
    found = local_files.in_folders(url, [tmp_path])
    assert [str(path.relative_to(tmp_path)) for path in found] == expected


def test_the_longer_end_comes_before_the_first_folder(files, tmp_path):
    files("one/001.jpg", "two/anna/001.jpg")
    found = local_files.in_folders("http://h/anna/001.jpg", [tmp_path / "one", tmp_path / "two"])
    assert found == [tmp_path / "two/anna/001.jpg", tmp_path / "one/001.jpg"]


@pytest.mark.parametrize(
    ("urls", "sha256"),
    [
        (["http://h/anna/001.jpg", "http://h/bert/001.jpg"], ["", ""]),
        (["http://h/001.jpg?id=1", "http://h/001.jpg?id=2"], ["", ""]),
        (["http://one/001.jpg", "http://two/001.jpg"], ["", ""]),
    ],
)
def test_a_file_with_the_name_of_two_photos_is_an_error(files, tmp_path, urls, sha256):
    files("001.jpg")
    rows = list(zip(("p1", "p2"), urls, sha256, strict=True))
    with pytest.raises(InputError) as error:
        local_files.check_distinct(rows, [tmp_path])
    assert all(part in str(error.value) for part in ("p1", "p2", *urls, "001.jpg", "sha256"))
    local_files.check_distinct([rows[0], (*rows[1][:2], "ab" * 32)], [tmp_path])


def test_files_in_folders_as_in_their_addresses_are_told_apart(files, tmp_path):
    files("anna/001.jpg", "bert/001.jpg")
    rows = [("p1", "http://h/anna/001.jpg", ""), ("p2", "http://h/bert/001.jpg", "")]
    local_files.check_distinct(rows, [tmp_path])


def manifest(tmp_path, *urls):
    path = tmp_path / "m.csv"
    path.write_text("label, URL \n" + "".join(f"a,{url}\n" for url in urls))
    return path


@pytest.mark.parametrize("url", ["photos/a.jpg", "http://h/photos/a.jpg", "file:{}/photos/a.jpg"])
def test_replaced_and_removed_photos_change_the_state_whatever_their_time(files, tmp_path, url):
    files("photos/a.jpg", "photos/b.jpg")
    table, photo = manifest(tmp_path, url.format(tmp_path)), tmp_path / "photos/a.jpg"
    states = [local_files.state_of_photos(table, [tmp_path])]
    os.utime(photo, ns=(1, 1))  # an older file in its place
    states.append(local_files.state_of_photos(table, [tmp_path]))
    photo.write_text("longer than before")
    os.utime(photo, ns=(1, 1))
    states.append(local_files.state_of_photos(table, [tmp_path]))
    photo.unlink()
    states.append(local_files.state_of_photos(table, [tmp_path]))
    assert len(set(states)) == 4
    assert local_files.state_of_photos(table, [tmp_path]) == states[-1]
    (tmp_path / "photos/b.jpg").unlink()  # not in the manifest
    assert local_files.state_of_photos(table, [tmp_path]) == states[-1]


def test_the_photos_of_a_manifest_in_any_dialect_are_found(files, tmp_path):
    files("photos/a.jpg")
    table, other = tmp_path / "m.csv", tmp_path / "n.csv"
    table.write_text("url,label\nphotos/a.jpg,sitting\n")
    other.write_text("Class;File\nsitting;photos/a.jpg\n", encoding="utf-16")
    states = [local_files.state_of_photos(one, []) for one in (table, other)]
    assert states[0] == states[1]
    assert states[0] != local_files.state_of_photos(tmp_path / "none.csv", [])


def test_a_manifest_that_cannot_be_read_has_the_state_of_an_empty_one(tmp_path):
    absent = local_files.state_of_photos(tmp_path / "none.csv", [])
    (tmp_path / "m.csv").write_bytes(b"label\xff,url\n")
    assert local_files.state_of_photos(tmp_path / "m.csv", []) == absent
    assert local_files.content_of(tmp_path / "none.csv") == ""


def test_the_state_of_a_folder_is_that_of_its_files(files, tmp_path):
    files("w/config.json", "w/deep/model.safetensors")
    before = local_files.state_of_files(tmp_path / "w")
    os.utime(tmp_path / "w/deep/model.safetensors", ns=(1, 1))
    assert local_files.state_of_files(tmp_path / "w") != before
    assert local_files.state_of_files(tmp_path / "w/config.json")
