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
# Of each card the id of its photo, which the tiny study's files are named after.
ID = "e => e.querySelector('.id').title.split('/').pop().replace('.jpg', '')"
CARDS = f"[...document.querySelectorAll('.card')].map({ID})"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Tab(BINARY, tmp_path_factory.mktemp("profile")) as tab:
        yield tab


@pytest.fixture
def unopened(finished, browser):
    """The report, freshly opened from its file, as a reader first sees it."""
    browser.send("Emulation.clearDeviceMetricsOverride")
    browser.requests.clear()
    browser.open((finished.folder / "results/report.html").as_uri())
    yield browser
    assert browser.complaints == []


OPEN = "document.querySelectorAll('.part').forEach(part => part.open = true)"


@pytest.fixture
def page(unopened):
    """The report with all sections of its second level open."""
    unopened.run(OPEN)
    return unopened


def choose(page, **values):
    """Set the controls of the browser of photos; returns the ids that are then shown."""
    for name, value in values.items():
        page.run(f"document.querySelector('#browser-app [name={name}]').value = '{value}'")
    page.run("document.querySelector('#browser-app form').dispatchEvent(new Event('input'))")
    return page.run(CARDS)


@pytest.fixture
def models(finished):
    """The models of the photo browser: here the cross-validated ones, the most accurate first."""
    pooled = read_csv(finished.folder / "results/statistics/activity3/pooled.csv")
    rows = pooled.query("scheme == 'cv' and metric == 'accuracy'")
    return rows.sort_values("value", ascending=False, kind="stable")["model"].tolist()


@pytest.fixture
def answers(finished, models):
    """Of each test photo and model the predicted class; and the labels."""
    table = read_csv(finished.folder / "results/predictions/activity3.csv")
    table = table.query("split == 'holdout' and subset == 'test'")
    table = table[table["model"].isin(models)]
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


def test_the_first_level_is_short_and_the_second_closed(unopened):
    top = "document.querySelector('#details').getBoundingClientRect().top + scrollY"
    assert unopened.run(top) <= 8 * 900
    words = "[...document.querySelectorAll('main > section')].map(s => s.innerText).join(' ')"
    assert len(unopened.run(words).split()) <= 700
    closed = "[...document.querySelectorAll('.part')].map(part => part.open)"
    assert not any(unopened.run(closed))
    # Each says what it contains.
    spoken = "[...document.querySelectorAll('.part > summary span')].map(s => s.innerText.trim())"
    assert all(text.endswith(".") for text in unopened.run(spoken))


def test_a_link_of_the_navigation_opens_its_section(unopened):
    unopened.run("document.querySelector('nav a[href=\"#errors\"]').click()")
    unopened.run("new Promise(requestAnimationFrame)")
    opened = "[...document.querySelectorAll('.part[open]')].map(part => part.id)"
    assert unopened.run(opened) == ["errors"]


def test_print_shows_what_is_closed(unopened):
    shown = "document.querySelector('#errors figure').checkVisibility()"
    assert unopened.run(shown) is False
    unopened.run("dispatchEvent(new Event('beforeprint'))")
    unopened.run("new Promise(requestAnimationFrame)")
    assert unopened.run(shown) is True
    assert unopened.run("document.querySelectorAll('details:not([open])').length") == 0
    unopened.run("dispatchEvent(new Event('afterprint'))")
    assert unopened.run(shown) is False


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
        page.run(click.format(2))  # accuracy, the paper's; all runs are alike, so no button
        shown = page.run(column.format(3))
        known = [float(text.rstrip("†\n")) for text in shown if text != "–"]
        assert known == sorted(known, key=lambda number: sign * number), clicks
        assert shown[len(known) :] == ["–"] * (len(shown) - len(known))
        assert 0 < len(known) < len(shown)


def test_tables_are_sorted_with_the_keyboard_alone(page):
    page.run("document.querySelector('#table_7 button.sort').focus()")
    before = page.run(ROWS.format("table_7"))
    page.press("Enter")
    assert page.run(ROWS.format("table_7")) == sorted(before)
    page.press("Tab")
    assert page.run("document.activeElement.closest('th').innerText").strip() == "this study"


def test_only_columns_that_differ_of_long_tables_can_be_sorted(page):
    buttons = "[...document.querySelectorAll('#{} button.sort')].map(b => b.innerText.trim())"
    assert page.run(buttons.format("split")) == []  # groups with totals
    assert page.run(buttons.format("table_2")) == []  # two rows
    assert "runs" not in page.run(buttons.format("table_7"))
    marks = "getComputedStyle(document.querySelector('#table_7 button.sort'), '::after').content"
    assert "↕" in page.run(marks)


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


def test_photos_are_filtered_by_class_error_and_disagreement(page, answers, models):
    predicted, labels = answers
    wrong = predicted.ne(labels, axis=0)
    cases = {
        (): labels.index,
        ("label", "sitting"): labels.index[labels == "sitting"],
        ("wrong", models[0]): wrong.index[wrong[models[0]]],
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


def test_a_card_says_in_words_what_its_bars_show(finished, page, answers, models):
    predicted, labels = answers
    image = page.run(CARDS)[0]
    lines = page.run(
        "[...document.querySelectorAll('.card:first-child li')].map(l => l.textContent)"
    )
    assert len(lines) == len(predicted.columns)
    for line, model in zip(lines, models, strict=False):
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
        first = page.run(f"({ID})(document.activeElement.closest('.card'))")
        assert page.run(CARDS).index(first) == len(shown)
        shown = page.run(CARDS)
    assert sorted(shown) == sorted(photos)


def test_a_click_shows_a_photo_whole_with_its_path_and_all_predictions(
    finished, page, answers, models
):
    predicted, labels = answers
    image = page.run(CARDS)[0]
    url = read_csv(finished.folder / "results/data/images.csv").set_index("id").loc[image, "url"]
    before = list(page.requests)
    page.run("document.querySelector('.card .picture').focus()")
    page.press("Enter")
    assert page.run("document.querySelector('dialog').open")
    assert page.run("document.querySelector('dialog h4').innerText") == url
    text = page.run("document.querySelector('dialog').innerText")
    assert f"Labelled {labels[image]}" in text
    assert image in text
    shown = page.run("[...document.querySelectorAll('dialog li')].map(e => e.textContent)")
    for line, model in zip(shown, models, strict=False):
        assert line.startswith(model)
        assert all(label in line for label in ("walking_running", "sitting", "standing"))
    assert len(shown) == len(predicted.columns)
    small, large = (
        page.run(f"document.querySelector('{place} img').getBoundingClientRect().width")
        for place in (".card", "dialog")
    )
    assert large > 1.5 * small
    page.press("Escape")
    assert page.run("document.querySelector('dialog').open") is False
    assert page.run("document.activeElement.className") == "picture"
    assert [url for url in page.requests[len(before) :] if not url.startswith("data:")] == []


def test_nothing_on_a_card_is_cut(page):
    cut = "[...document.querySelectorAll('.card *')].filter(e => e.scrollWidth > e.clientWidth + 1 "
    cut += "&& getComputedStyle(e).overflow !== 'visible' && !e.matches('.unseen')).length"
    assert page.run(cut) == 0
    names = "[...document.querySelectorAll('.card:first-child li > :first-child')]"
    assert page.run(f"{names}.every(e => e.offsetHeight < 25)")  # on one line


def test_navigation_stays_in_view(page):
    in_view = "{ const box = document.querySelector('nav').getBoundingClientRect(); "
    in_view += "box.width > 0 && box.top >= 0 && box.bottom <= innerHeight }"
    page.run("document.querySelector('#browser').scrollIntoView()")
    assert page.run(in_view)
    page.run("new Promise(done => setTimeout(done, 100))")
    assert page.run("document.querySelector('nav [aria-current]').innerText") == "Photo browser"


def test_on_a_phone_a_button_opens_the_navigation(page):
    page.send(
        "Emulation.setDeviceMetricsOverride",
        width=390,
        height=800,
        deviceScaleFactor=1,
        mobile=True,
    )
    opened = "document.querySelector('nav').checkVisibility()"
    assert page.run(opened) is False
    for close in ("Escape", "click"):
        page.run("document.querySelector('.menu').focus()")
        page.press("Enter")
        assert page.run(opened) is True, close
        if close == "Escape":
            page.press("Escape")
        else:
            page.run("document.querySelector('nav a').click()")
        assert page.run(opened) is False, close
    page.send("Emulation.clearDeviceMetricsOverride")


def test_every_control_has_a_name(page):
    unnamed = "[...document.querySelectorAll('select, input')].filter(e => !e.labels.length).length"
    assert page.run(unnamed) == 0
    assert page.run(
        "[...document.querySelectorAll('button')].every(b => b.textContent.trim() || b.ariaLabel)"
    )


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
    page.run(OPEN)
    # An element, not the text that it is where scripts run.
    told = page.run("document.querySelector('#browser noscript > p').textContent")
    assert told.startswith("The photo browser needs JavaScript, which is off")
    assert page.run("document.querySelectorAll('button.sort').length") == 0
    assert len(page.run(ROWS.format("table_7"))) == 8
    assert page.run("document.querySelector('#browser-app').checkVisibility()") is False
