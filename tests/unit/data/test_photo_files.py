import os

import pytest

from stillact.core.errors import InputError
from stillact.data import manifest, photo_files
from stillact.data.fetch import local_files


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def test_photos_are_found_below_the_folder_in_order(tmp_path):
    touch(tmp_path, "b.jpg", "a b/Zoë größe.JPEG", "a b/c/d.webp", "notes.txt", "e.heic", "jpg")
    touch(tmp_path, ".hidden.jpg", ".thumbs/f.jpg", "._b.jpg")
    found = photo_files.files(tmp_path)
    assert found == ["a b/Zoë größe.JPEG", "a b/c/d.webp", "b.jpg", "e.heic"]


def test_links_to_folders_are_not_followed_and_links_to_photos_are(tmp_path):
    touch(tmp_path, "real/a.jpg")
    (tmp_path / "round").symlink_to(tmp_path)
    (tmp_path / "b.jpg").symlink_to(tmp_path / "real/a.jpg")
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere")
    assert photo_files.files(tmp_path) == ["b.jpg", "gone.jpg", "real/a.jpg"]


def test_a_folder_without_photos_is_named(tmp_path):
    touch(tmp_path, "notes.txt")
    with pytest.raises(InputError, match=rf"no photo in the folder {tmp_path}.*\.jpg, \.jpeg"):
        photo_files.files(tmp_path)


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    touch(tmp_path, "a.jpg", "locked/b.jpg")
    real = os.scandir

    def scandir(path):
        if os.fspath(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(InputError, match="locked cannot be read: Permission denied"):
        photo_files.files(tmp_path)


CLASSES = ["reading", "cooking"]


def test_a_folder_of_classes_is_a_manifest(tmp_path):
    touch(tmp_path / "photos", "reading/anna/01.jpg", "cooking/a b.PNG", "cooking/notes.txt")
    for source in (tmp_path / "photos", f"{tmp_path}/photos/"):
        table = manifest.load(source, CLASSES)
        assert table[["url", "label"]].to_numpy().tolist() == [
            ["photos/cooking/a b.PNG", "cooking"],
            ["photos/reading/anna/01.jpg", "reading"],
        ]
        base = tmp_path
        assert all(local_files.path_of(url, base).exists() for url in table["url"])


def test_an_added_a_removed_and_a_replaced_photo_of_a_folder_are_noticed(tmp_path):
    folder = tmp_path / "photos"
    touch(folder, "reading/a.jpg", "cooking/b.jpg")

    def state():
        return local_files.content_of(folder), local_files.state_of_photos(folder, [])

    states = [state()]
    touch(folder, "cooking/c.jpg")
    states.append(state())
    (folder / "reading/a.jpg").rename(folder / "cooking/a.jpg")  # another label
    states.append(state())
    assert len({names for names, _ in states}) == 3
    (folder / "cooking/a.jpg").write_bytes(b"longer")
    assert state()[0] == states[-1][0]
    assert state()[1] != states[-1][1]


def test_photos_outside_the_folders_of_the_classes_are_an_error(tmp_path):
    touch(tmp_path / "photos", "a.jpg", "reading/b.jpg")
    with pytest.raises(InputError, match=r"1 photos are in no class folder \(first: a.jpg\)"):
        manifest.load(tmp_path / "photos", CLASSES)


def test_a_folder_that_is_no_class_is_named_with_its_photos(tmp_path):
    touch(tmp_path / "photos", "Reading/a.jpg", "Reading/b.jpg", "cooking/c.jpg")
    with pytest.raises(InputError, match=r"folder Reading \(2 photos\). Known .*reading, cooking"):
        manifest.load(tmp_path / "photos", CLASSES)
