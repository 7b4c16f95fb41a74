import pandas as pd
import pytest

from stillact.core.errors import InputError
from stillact.core.tables import read_csv
from stillact.inference import sorting


def asked(folder, answers: dict[str, tuple[str, str, str]], column="path"):
    """The tables of predictions and photos of paths (or urls): status, predicted, abstain."""
    rows, files = [], []
    for number, (name, (status, predicted, abstain)) in enumerate(answers.items()):
        rows.append({column: name, "status": status, "predicted": predicted, "abstain": abstain})
        file = folder / f"{number}"
        file.write_text(name)
        files.append(str(file) if status != "gone" else "")
    return pd.DataFrame(rows), pd.DataFrame({column: list(answers), "file": files})


def copies(target):
    """The names in the folder, and what they hold."""
    files = [path for path in target.rglob("*") if path.is_file()]
    return {
        path.relative_to(target).as_posix(): path.read_text()
        for path in files
        if path.name != sorting.LIST
    }


def test_photos_are_copied_by_class_and_the_unsure_and_unreadable_apart(tmp_path):
    answers = {
        "a.jpg": ("ok", "Läuft & rennt", "no"),
        "below/größe.JPEG": ("ok", "sitzt", "no"),
        "./=1+1.jpg": ("ok", "sitzt", "yes"),
        "cut.jpg": ("unreadable", "", ""),
        "gone.jpg": ("gone", "", ""),
    }
    target = tmp_path / "sorted"
    sorting.sort(*asked(tmp_path, answers), target)
    assert copies(target) == {
        "Läuft & rennt/a.jpg": "a.jpg",
        "sitzt/below/größe.JPEG": "below/größe.JPEG",
        "_abstained/sitzt/=1+1.jpg": "./=1+1.jpg",
        "_unreadable/cut.jpg": "cut.jpg",
    }
    listed = read_csv(target / "sorted.csv")
    assert listed["path"].tolist() == list(answers)
    assert listed["copy"].tolist()[-2:] == ["_unreadable/cut.jpg", ""]


def test_urls_of_one_name_are_told_apart(tmp_path):
    urls = ["http://a.example/x/1.jpg?s=1", "http://b.example/1.jpg", "http://b.example/"]
    urls.append("http://b.example/%C3%9F%2Fa.jpg")
    answers = dict.fromkeys(urls, ("ok", "sitzt", "no"))
    sorting.sort(*asked(tmp_path, answers, "url"), tmp_path / "sorted")
    assert copies(tmp_path / "sorted") == {
        "sitzt/1.jpg": urls[0],
        "sitzt/1 (2).jpg": urls[1],
        "sitzt/photo": urls[2],
        "sitzt/a.jpg": urls[3],
    }


def test_sorting_again_replaces_its_own_copies_and_nothing_else(tmp_path):
    target = tmp_path / "sorted"
    sorting.sort(*asked(tmp_path, {"below/a.jpg": ("ok", "sitzt", "no")}), target)
    (target / "sitzt/mine.txt").write_text("mine")
    sorting.sort(*asked(tmp_path, {"below/a.jpg": ("ok", "steht", "no")}), target)
    assert copies(target) == {"steht/below/a.jpg": "below/a.jpg", "sitzt/mine.txt": "mine"}
    assert not (target / "sitzt/below").exists()


def test_folders_that_cannot_be_sorted_into_are_errors(tmp_path):
    photos = tmp_path / "new"
    (photos / "below").mkdir(parents=True)
    for target in (photos, photos / "below", photos / "../new/sorted"):
        with pytest.raises(InputError, match="is within the photos' folder"):
            sorting.check(target, photos)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file is a file; name a folder"):
        sorting.check(tmp_path / "file", photos)
    (tmp_path / "other").mkdir()
    sorting.check(tmp_path / "other", photos)
    (tmp_path / "other/mine.jpg").write_text("")
    with pytest.raises(InputError, match="other has files that are not of an earlier sorting"):
        sorting.check(tmp_path / "other", photos)
    (tmp_path / "other/sorted.csv").write_text("path,copy\n")
    sorting.check(tmp_path / "other", photos)
