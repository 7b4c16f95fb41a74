import pytest

from stillact.core.errors import InputError
from stillact.inference import listing


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def test_urls_are_the_column_of_that_name(tmp_path):
    path = tmp_path / "photos.csv"
    path.write_text('\ufeffid,URL\n1, https://x.org/a.jpg \n\n2,"b, c.jpg"\n', encoding="utf-8")
    assert listing.urls(path) == ["https://x.org/a.jpg", "b, c.jpg"]


def test_a_csv_with_semicolons_and_another_name_is_read(tmp_path):
    path = tmp_path / "photos.csv"
    path.write_text("nr;filename\n1;b, c.jpg\n", encoding="utf-16")
    assert listing.urls(path) == ["b, c.jpg"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"urls,label\nx,y\n", 'no column url; its first row is urls, label. Did you mean "urls"?'),
        (b"", "no column url; its first row is empty"),
        (b"url\n", "has no rows"),
        (b"id,url\n1,a.jpg\n2,\n", "row 3: no url"),
        (b"id,url\n1\n", "row 2: no url"),
        (b"url\n\xff\xfe\n", "is no CSV in UTF-8"),
        (b'url\n"a\n', "is no CSV in UTF-8"),
    ],
)
def test_what_is_wrong_with_a_csv_is_told(tmp_path, content, message):
    path = tmp_path / "photos.csv"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        listing.urls(path)
    assert message in str(error.value)
    assert str(path) in str(error.value)


def test_a_csv_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"no folder or file .*gone\.csv; check the path"):
        listing.urls(tmp_path / "gone.csv")


def test_the_fingerprint_changes_with_the_photos_alone(tmp_path):
    touch(tmp_path, "a.jpg", "b/c.jpg")
    seen = [listing.fingerprint(tmp_path)]
    touch(tmp_path, "notes.txt", "b/.hidden.jpg")
    assert listing.fingerprint(tmp_path) == seen[0]
    (tmp_path / "b/c.jpg").write_bytes(b"longer")  # in a folder below, whose own time stays
    seen.append(listing.fingerprint(tmp_path))
    (tmp_path / "a.jpg").rename(tmp_path / "d.jpg")
    seen.append(listing.fingerprint(tmp_path))
    (tmp_path / "b/c.jpg").unlink()
    seen.append(listing.fingerprint(tmp_path))
    (tmp_path / "link.jpg").symlink_to(tmp_path / "nowhere")
    seen.append(listing.fingerprint(tmp_path))
    assert len(set(seen)) == len(seen)
