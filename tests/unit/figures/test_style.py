import pytest
from matplotlib import rc_context
from matplotlib.figure import Figure

from stillact.figures import style


def drawn():
    figure = Figure()
    figure.subplots().plot([1, 2], label="a line")
    return figure


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_the_same_figure_gives_the_same_bytes_without_a_date(tmp_path, kind):
    first, second = (tmp_path / f"{i}.{kind}" for i in "ab")
    style.save(drawn(), first)
    style.save(drawn(), second)
    assert first.read_bytes() == second.read_bytes()
    assert b"<dc:date>" not in first.read_bytes()


def test_save_leaves_one_file(tmp_path):
    style.save(drawn(), tmp_path / "new" / "figure.svg")
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["figure.svg"]


def test_the_path_of_a_photo_is_shortened_from_the_left():
    assert style.shortened("photos/a.jpg", 12) == "photos/a.jpg"
    assert style.shortened("my/photos/a.jpg", 12) == "…/a.jpg"
    assert style.shortened("a/photo_of_sitting.jpg", 12) == "…sitting.jpg"


def test_lines_are_broken_at_spaces_and_underscores():
    assert style.broken("riding_a_vehicle by day", 10) == "riding_a_\nvehicle by\nday"


def titled(path, title, monkeypatch, fonts):
    monkeypatch.setitem(style.STYLE, "font.family", fonts)
    with rc_context(style.STYLE):
        figure = drawn()
        figure.suptitle(title)
    style.save(figure, path)


def test_letters_without_a_font_are_a_warning(tmp_path, monkeypatch, caplog):
    titled(tmp_path / "figure.svg", "Läuft \N{MEDIUM BLACK CIRCLE}", monkeypatch, ["DejaVu Sans"])
    assert not caplog.messages
    titled(tmp_path / "figure.svg", "走る sitzt", monkeypatch, ["DejaVu Sans"])
    (message,) = caplog.messages
    assert message.startswith("figure.svg: some letters are drawn as boxes, as no known font")


def test_a_letter_is_taken_from_the_first_font_that_has_it(tmp_path, monkeypatch, caplog):
    letter = "\N{LATIN SMALL LETTER D WITH PALATAL HOOK}"  # of STIX, which comes with Matplotlib
    titled(tmp_path / "without.svg", letter, monkeypatch, ["DejaVu Sans"])
    assert len(caplog.messages) == 1
    titled(tmp_path / "with.svg", letter, monkeypatch, ["DejaVu Sans", "STIXGeneral"])
    assert len(caplog.messages) == 1


def test_only_installed_fonts_are_asked_for(monkeypatch):
    monkeypatch.setattr(style.font_manager, "get_font_names", lambda: ["SimHei", "DejaVu Sans"])
    assert style.fonts() == ["DejaVu Sans", "SimHei"]
