import os

import pytest

from stillact.core.errors import InputError
from stillact.data import photo_files


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
    with pytest.raises(InputError, match=rf"{tmp_path}: no photo in this folder.*\.jpg, \.jpeg"):
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
