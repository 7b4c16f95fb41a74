"""The report as a browser shows it: the page of the tiny study, in headless Chromium."""

import pytest

from stillact.core.tables import read_csv
from support.chromium import Tab, installed

MEGABYTES = 15
BINARY = installed()
pytestmark = pytest.mark.skipif(BINARY is None, reason="no Chromium or Chrome is installed")

# What a reader sees of the table: its rows' first cells, and the state of its header's columns.
ROWS = "[...document.querySelectorAll('#{} tbody tr:not([hidden])')].map(r => r.cells[0].innerText)"
SORTED = (
    "[...document.querySelectorAll('#{} [aria-sort]')].map(h => [h.innerText.trim(), h.ariaSort])"
)
CARDS = "[...document.querySelectorAll('.card .id')].map(e => e.textContent)"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Tab(BINARY, tmp_path_factory.mktemp("profile")) as tab:
        yield tab


@pytest.fixture
def page(finished, browser):
    """The report, freshly opened from its file."""
    browser.send("Emulation.clearDeviceMetricsOverride")
    browser.requests.clear()
    browser.open((finished.folder / "results/report.html").as_uri())
    yield browser
    assert browser.complaints == []


def choose(page, **values):
    """Set the controls of the browser of photos; returns the ids that are then shown."""
    for name, value in values.items():
        page.run(f"document.querySelector('#browser-app [name={name}]').value = '{value}'")
    page.run("document.querySelector('#browser-app form').dispatchEvent(new Event('input'))")
    return page.run(CARDS)


@pytest.fixture
def answers(finished):
    """Of each test photo and model the predicted class; and the labels."""
    table = read_csv(finished.folder / "results/predictions/activity3.csv")
    table = table.query("split == 'holdout' and subset == 'test'")
    own = ["fnn_base", "cnn_base", "cnn_gen", "vit", "siglip2", "clip_ic", "clip_em", "clip_cs"]
    table = table[table["model"].isin(own)]
    means = table.groupby(["image_id", "model"])[[c for c in table if c.startswith("prob_")]].mean()
    predicted = means.idxmax(axis=1).str.removeprefix("prob_").unstack()
    return predicted, table.groupby("image_id")["label"].first()


def test_it_opens_from_a_file_and_asks_for_nothing_else(finished, page):
    file = finished.folder / "results/report.html"
    assert [url for url in page.requests if not url.startswith("data:")] == [file.as_uri()]
    assert page.run("document.querySelectorAll('img').length") > 5
    # Plots are there, not only asked for.
    assert page.run("[...document.querySelectorAll('img.plot')].every(i => i.naturalWidth > 0)")
    assert file.stat().st_size < MEGABYTES * 1e6


def test_every_link_within_the_page_leads_somewhere_and_opens_it(page):
    assert (
        page.run(
            "[...document.querySelectorAll('a[href^=\"#\"]')]"
            ".filter(a => !document.getElementById(a.hash.slice(1))).length"
        )
        == 0
    )
    assert page.run("document.querySelector('#config').open") is False
    page.run("document.querySelector('a[href=\"#config-recipes\"]').click()")
    page.run("new Promise(requestAnimationFrame)")
    assert page.run("document.querySelector('#config').open") is True


def test_a_click_sorts_and_the_third_gives_the_order_back(finished, page):
    table = read_csv(finished.folder / "results/tables/table_7.csv")
    names = table["model"].tolist()
    assert page.run(ROWS.format("table_7")) == names
    click = "document.querySelectorAll('#table_7 button.sort')[{}].click()"
    page.run(click.format(0))
    assert page.run(ROWS.format("table_7")) == sorted(names)
    assert page.run(SORTED.format("table_7")) == [["model", "ascending"]]
    page.run(click.format(0))
    assert page.run(ROWS.format("table_7")) == sorted(names)[::-1]
    page.run(click.format(0))
    assert page.run(ROWS.format("table_7")) == names
    assert page.run(SORTED.format("table_7")) == []


def test_numbers_sort_as_numbers_and_what_has_none_comes_last(page):
    click = "document.querySelectorAll('#table_7 button.sort')[{}].click()"
    column = "[...document.querySelectorAll('#table_7 tbody tr')].map(r => r.cells[{}].innerText)"
    for clicks, sign in ((1, -1), (2, 1)):
        page.run(click.format(3))  # the header's second row begins with it: accuracy, the paper's
        shown = page.run(column.format(3))
        known = [float(text.rstrip("†\n")) for text in shown if text != "–"]
        assert known == sorted(known, key=lambda number: sign * number), clicks
        assert shown[len(known) :] == ["–"] * (len(shown) - len(known))
        assert 0 < len(known) < len(shown)


def test_tables_are_sorted_with_the_keyboard_alone(page):
    page.run("document.querySelector('#table_3 button.sort').focus()")
    before = page.run(ROWS.format("table_3"))
    page.press("Enter")
    assert page.run(ROWS.format("table_3")) == sorted(before)
    page.press("Tab")
    assert page.run("document.activeElement.closest('th').innerText").strip() == "runs"


def test_totals_stay_below_and_groups_together(page):
    before = page.run(ROWS.format("split"))
    page.run("document.querySelector('#split button.sort').click()")
    after = page.run(ROWS.format("split"))
    assert before != after
    for group in ("activity3", "sit_stand"):
        assert after.index(group) == before.index(group)
    assert [i for i, name in enumerate(after) if name == "all"] == [
        i for i, name in enumerate(before) if name == "all"
    ]


def test_the_filter_keeps_the_rows_that_have_all_words(page):
    shown = page.run(ROWS.format("cost"))
    typed = (
        "{{ const box = document.querySelector('[aria-controls=cost]'); box.value = '{}'; "
        "box.dispatchEvent(new Event('input')); "
        "box.closest('p').querySelector('output').textContent }}"
    )
    assert page.run(typed.format("VIT sit_stand")) == f"1 of {len(shown)} rows"
    assert page.run(ROWS.format("cost")) == ["vit"]
    assert page.run(typed.format("")) == f"{len(shown)} rows"
    assert page.run(ROWS.format("cost")) == shown


def test_print_shows_the_rows_that_a_filter_hides(page):
    page.run("document.querySelector('#table_3 tbody tr').hidden = true")
    display = "getComputedStyle(document.querySelector('#table_3 tbody tr')).display"
    assert page.run(display) == "none"
    page.send("Emulation.setEmulatedMedia", media="print")
    assert page.run(display) == "table-row"
    page.send("Emulation.setEmulatedMedia", media="")


def test_photos_are_filtered_by_class_error_and_disagreement(page, answers):
    predicted, labels = answers
    wrong = predicted.ne(labels, axis=0)
    cases = {
        (): labels.index,
        ("label", "sitting"): labels.index[labels == "sitting"],
        ("wrong", "cnn_base"): wrong.index[wrong["cnn_base"]],
        ("wrong", "*any"): wrong.index[wrong.any(axis=1)],
        ("wrong", "*all"): wrong.index[wrong.all(axis=1)],
        ("agreement", "disagree"): predicted.index[predicted.nunique(axis=1) > 1],
        ("agreement", "agree"): predicted.index[predicted.nunique(axis=1) == 1],
    }
    for case, expected in cases.items():
        page.run("document.querySelector('#browser-app form').reset()")
        page.run("new Promise(done => setTimeout(done))")
        shown = choose(page, **dict([case] if case else []))
        assert sorted(shown) == sorted(expected), case
        said = page.run("document.querySelector('#browser-app output').textContent")
        assert said.startswith(
            f"{len(expected)} of {len(labels)} photos"
            if len(expected)
            else f"None of the {len(labels)} photos"
        ), case


def test_a_card_says_in_words_what_its_bars_show(finished, page, answers):
    predicted, labels = answers
    image = page.run(CARDS)[0]
    lines = page.run(
        "[...document.querySelectorAll('.card:first-child li')].map(l => l.textContent)"
    )
    assert len(lines) == len(predicted.columns)
    for line, model in zip(lines, ("fnn_base", "cnn_base", "cnn_gen"), strict=False):
        says = predicted.loc[image, model]
        mark = "✓ correct: " if says == labels[image] else "✗ wrong: "
        assert line.startswith(f"{model}{mark}{says}")
    bar = page.run("document.querySelector('.card .bar').ariaLabel")
    assert [part.split()[0] for part in bar.split(", ")] == [
        "walking_running",
        "sitting",
        "standing",
    ]
    assert page.run("document.querySelector('.card img').decode().then(() => true)")


def test_maps_are_laid_over_the_photos_that_have_one(page):
    maps = "document.querySelectorAll('.card .overlay').length"
    assert page.run(maps) == 0
    shown = choose(page, look="vit")
    assert page.run(maps) == len(shown)
    assert page.run(
        "[...document.querySelectorAll('.picture')].every(p => {"
        "const [photo, map] = [...p.children].map(e => e.getBoundingClientRect());"
        "return map.width > 10 && map.left >= photo.left - 1 && map.right <= photo.right + 1; })"
    )
    assert page.run("document.querySelector('.overlay').alt") == "saliency map of vit"
    choose(page, group="validation")
    assert page.run(maps) == 0


def test_cross_validation_shows_every_photo_a_page_at_a_time(finished, page):
    photos = set(read_csv(finished.folder / "results/splits/activity3/kfold.csv")["image_id"])
    shown = choose(page, group="cross-validation")
    assert len(shown) == 30 < len(photos)
    while page.run("!document.querySelector('.more').hidden"):
        page.run("document.querySelector('.more').focus()")
        page.press("Enter")
        # The keyboard goes on where the new photos begin.
        first = page.run("document.activeElement.querySelector('.id').textContent")
        assert page.run(CARDS).index(first) == len(shown)
        shown = page.run(CARDS)
    assert sorted(shown) == sorted(photos)


def test_every_control_has_a_name(page):
    unnamed = "[...document.querySelectorAll('select, input')].filter(e => !e.labels.length).length"
    assert page.run(unnamed) == 0
    assert page.run("[...document.querySelectorAll('button')].every(b => b.textContent.trim())")


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_the_page_is_as_wide_as_its_window(page, width):
    page.send(
        "Emulation.setDeviceMetricsOverride",
        width=width,
        height=800,
        deviceScaleFactor=1,
        mobile=width < 1000,
    )
    assert page.run("document.documentElement.scrollWidth") <= width
    outside = page.run(
        "[...document.querySelectorAll('.card, .card *, .controls *')]"
        f".filter(e => e.getBoundingClientRect().right > {width}).length"
    )
    assert outside == 0


def test_without_scripts_everything_but_the_browser_of_photos_is_there(finished, page):
    page.send("Emulation.setScriptExecutionDisabled", value=True)
    page.open((finished.folder / "results/report.html").as_uri())
    page.send("Emulation.setScriptExecutionDisabled", value=False)
    text = page.run("document.body.innerText")
    assert "The photo browser needs JavaScript, which is off" in text
    assert page.run("document.querySelectorAll('button.sort').length") == 0
    assert len(page.run(ROWS.format("table_7"))) == 8
    assert page.run("document.querySelector('#browser-app').checkVisibility()") is False
