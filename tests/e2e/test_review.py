"""The page of photos to check, in a browser, and what its corrections do to a study."""

import time

import pytest

from stillact.core.tables import read_csv
from stillact.data import corrections
from support.chromium import Tab, installed

BINARY = installed()
LABEL = "document.querySelector('#said strong').innerText"
COUNT = "document.getElementById('count').innerText"
CHOICES = "[...document.querySelectorAll('#classes .name')].map(name => name.textContent)"
CHANGES = "[...document.querySelectorAll('#changed tbody tr')].map(row => row.cells[2].innerText)"


@pytest.fixture
def tab(finished, tmp_path):
    """The page of the finished study; what it saves goes to tmp_path."""
    if BINARY is None:
        pytest.skip("no Chromium or Chrome is installed")
    with Tab(BINARY, tmp_path / "profile") as tab:
        tab.send("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
        tab.open((finished.folder / "results/review.html").as_uri())
        yield tab
        assert tab.complaints == []
        assert [u for u in tab.requests if not u.startswith(("data:", "file:", "blob:"))] == []


@pytest.fixture(scope="module")
def suspects(finished):
    return read_csv(finished.folder / "results/review.csv")


def save(tab, tmp_path):
    tab.press("s")
    file, end = tmp_path / "corrections.csv", time.monotonic() + 20
    while not file.exists():
        assert time.monotonic() < end, "nothing was saved"
        time.sleep(0.05)
    return read_csv(file)


def test_photos_are_decided_by_key_and_button_and_saved(tab, suspects, tmp_path):
    assert tab.run(COUNT) == "0 of 36 checked, 0 changed"
    assert tab.run(LABEL) == suspects["label"][0]
    probabilities = (
        suspects.filter(like="prob_").iloc[0].sort_values(ascending=False, kind="stable")
    )
    assert tab.run(CHOICES) == [name.removeprefix("prob_") for name in probabilities.index]

    wanted = {}
    for place, key in enumerate(("1", "2")):  # relabelled, unless that is the label: kept
        wanted[place] = tab.run(CHOICES)[int(key) - 1]
        tab.press(key)
    tab.run("document.getElementById('drop').click()")
    tab.press("k")
    changed = {at: name for at, name in wanted.items() if name != suspects["label"][at]}
    assert tab.run(COUNT) == f"4 of 36 checked, {len(changed) + 1} changed"
    assert tab.run(CHANGES) == [*changed.values(), "dropped"]

    table = save(tab, tmp_path)
    assert table.columns.tolist() == list(corrections.COLUMNS)
    assert table["id"].tolist() == suspects["image_id"][[*changed, 2]].tolist()
    assert table["action"].tolist() == ["relabel"] * len(changed) + ["drop"]
    assert corrections.read(tmp_path / "corrections.csv", tab.run("classes"))


def test_decisions_are_undone_and_survive_the_page(tab, suspects):
    for _ in range(3):
        tab.press("d")
    tab.press("u")
    assert tab.run(COUNT) == "2 of 36 checked, 2 changed"
    assert tab.run(LABEL) == suspects["label"][2]
    tab.run("removeEventListener('beforeunload', null); unsaved = false")
    tab.open(tab.run("location.href"))
    assert tab.run(COUNT) == "2 of 36 checked, 2 changed"
    assert tab.run(LABEL) == suspects["label"][2]  # the first that is not decided
    tab.press("ArrowLeft")
    pressed = "document.getElementById('drop').getAttribute('aria-pressed')"
    assert tab.run(pressed) == "true"


def test_corrections_are_applied_and_only_what_depends_on_them_is_stale(rerun, suspects):
    first, second, third = suspects.head(3).itertuples()
    classes = sorted(set(suspects["label"]))
    other = [next(c for c in classes if c != row.label) for row in (first, second)]
    (rerun.folder / "corrections.csv").write_text(
        "id,photo,label,action,new_label\n"
        f"{first.image_id},a,{first.label},relabel,{other[0]}\n"
        f"{second.image_id},b,{second.label},relabel,{other[1]}\n"
        f"{third.image_id},c,{third.label},drop,\n"
    )
    said = rerun.fail("--", "correct")
    assert "corrections: not set. Save corrections.csv on results/review.html" in said
    said = rerun.run("--config", "corrections=corrections.csv", "--", "correct")
    assert "corrected.csv has the corrections: use that instead" in said
    table = read_csv(rerun.folder / "corrected.csv").set_index("id")
    assert table.loc[[first.image_id, second.image_id], "label"].tolist() == other
    assert third.image_id not in table.index
    assert len(table) == 35

    rerun.configure({"dataset": {"manifest": "corrected.csv"}})
    (rerun.folder / "results/study.json").unlink()  # of the other manifest
    rerun.run("--", "results/data/images.csv")
    kept = read_csv(rerun.folder / "results/data/images.csv")
    assert kept["status"].eq("ok").all()
    assert len(kept) == 35
