import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from PIL import Image

from stillact.evaluation import agreement, error_analysis, error_factors
from stillact.figures import errors as error_figures
from stillact.figures import style

OVER = "over 285 photos, each tested in its fold, 1 to 5 times"
LONG = [f"longest_name_{i}" for i in range(8)]  # of 14 letters
CLASSES = ["walking_running", "sitting", "standing"]
NAMES = {f"p{i}": f"photos/from_the_$archive$/of_2024/img_{i}.jpg" for i in range(3)}


@pytest.fixture
def paths(tmp_path):
    files = {}
    for i, size in enumerate([(64, 32), (32, 64), (48, 48)]):
        files[f"p{i}"] = tmp_path / f"{i}.jpg"
        Image.new("RGB", size, (200, 30 * i, 0)).save(files[f"p{i}"])
    return files


def failures(models) -> pd.DataFrame:
    rows = [
        (rule, model, label, f"p{i}", "walking_running", p, 0.1, 2)
        for rule, p in (("confident", 0.876), ("closest call", 0.4))
        for model in models
        for i, label in enumerate(CLASSES)
    ]
    return pd.DataFrame(rows, columns=error_analysis.FAILURE)


def wrong(count: int) -> pd.DataFrame:
    rows = [(f"p{i % 3}", "sitting", 0.1, "walking_running") for i in range(count)]
    return pd.DataFrame(rows, columns=["image_id", "label", "probability_of_truth", "answer"])


def rates(models, boxes: bool = True) -> pd.DataFrame:
    rows = []
    for model in models:
        for factor in error_factors.FACTORS:
            of_pixels = factor in ("resolution", "brightness", "votes")
            bins = ["0.001 to 0.12", "0.12 to 0.34"] if boxes or of_pixels else []
            rows += [(model, factor, name, 95, 0.5, 0.4, 0.6) for name in bins]
            rows.append((model, factor, "unknown", 7, 1.0, 0.6, 1.0))
    columns = ["model", "factor", "bin", "photos", "error_rate", "ci_low", "ci_high"]
    return pd.DataFrame(rows, columns=columns)


def pairs(models, kappa=0.41) -> pd.DataFrame:
    rows = [
        (a, b, 29, 0.6, kappa, 0.2, 0.6, "") for i, a in enumerate(models) for b in models[i + 1 :]
    ]
    return pd.DataFrame(rows, columns=agreement.AGREEMENT)


def texts(drawn) -> str:
    """All that the figure says."""
    return "\n".join(text.get_text() for text in _texts(drawn))


def _texts(drawn) -> list[Text]:
    FigureCanvasAgg(drawn).draw()
    found = drawn.findobj(lambda artist: isinstance(artist, Text) and artist.get_visible())
    return [text for text in found if text.get_text()]


def assert_nothing_overlaps(drawn) -> None:
    """No two texts on each other.

    Names that lean are told apart by their distance: their boxes overlap where they do not.
    """
    found = _texts(drawn)
    ends = [text.get_window_extent().extents for text in found]
    for i, (left, bottom, right, top) in enumerate(ends):
        for j in range(i):
            across = min(right, ends[j][2]) - max(left, ends[j][0])
            up = min(top, ends[j][3]) - max(bottom, ends[j][1])
            leaning = {found[i].get_rotation(), found[j].get_rotation()} == {45}
            if leaning:
                assert abs(right - ends[j][2]) > 20, (found[i], found[j])
            else:
                assert min(across, up) <= 1, (found[i], found[j])


def test_figure_5_shows_a_confident_error_of_each_model_and_class(paths):
    table = failures(["vit", "clip_ic"])
    table = table[~((table["model"] == "vit") & (table["class"] == "sitting"))]
    drawn = error_figures.failures(table, ["clip_ic", "vit"], CLASSES, paths, NAMES, OVER)
    grid = np.array(drawn.axes).reshape(2, 3)
    assert [axes.get_ylabel() for axes in grid[:, 0]] == ["clip_ic", "vit"]
    assert [axes.get_title() for axes in grid[0]] == CLASSES
    assert [axes.get_xlabel() for axes in grid[0]] == [
        f"walking_running, 88 %\nwrong: 2 of 2\n…/of_2024/img_{i}.jpg" for i in range(3)
    ]
    shapes = [axes.images[0].get_array().shape[:2] for axes in grid[0]]
    assert shapes == [(140, 280), (280, 140), (280, 280)]  # whole and undistorted
    empty = grid[1, 1]
    assert not empty.images
    assert [text.get_text() for text in empty.texts] == ["no errors"]
    assert OVER in texts(drawn).replace("\n", " ")


def test_figure_5_with_no_error_at_all_is_a_picture_too(paths):
    drawn = error_figures.failures(failures([]), ["vit"], ["a", "b"], paths, NAMES, OVER)
    assert texts(drawn).count("no errors") == 2
    assert_nothing_overlaps(drawn)


@pytest.mark.parametrize("classes", [CLASSES, CLASSES[:2], ["walking_or_running_in_a_park", "b"]])
def test_figure_5_has_room_for_eight_models_and_long_names(paths, classes):
    table = failures(LONG)
    table["class"] = table["class"].replace(dict(zip(CLASSES, classes, strict=False)))
    table["answer"] = classes[0]
    assert_nothing_overlaps(error_figures.failures(table, LONG, classes, paths, NAMES, OVER))


def test_figure_5_of_many_classes_shows_the_most_confident_errors_of_each_model(paths):
    classes = [f"riding_a_vehicle_{i}" for i in range(50)]
    rows = [
        ("confident", "vit", label, f"p{i % 3}", classes[0], (i + 1) / 100, 0.1, 1)
        for i, label in enumerate(classes)
    ]
    rows += [("confident", "clip_ic", "riding_a_vehicle_7", "p0", classes[1], 0.5, 0.1, 1)]
    table = pd.DataFrame(rows, columns=error_analysis.FAILURE)
    drawn = error_figures.failures(table, ["vit", "clip_ic"], classes, paths, NAMES, OVER)
    assert_nothing_overlaps(drawn)
    grid = np.array(drawn.axes).reshape(2, error_figures.CLASSES)
    below = [axes.get_xlabel().replace("\n", " ").replace("_ ", "_") for axes in grid[0]]
    assert below == [
        f"label riding_a_vehicle_{i} pred. riding_a_vehicle_0, {i + 1} % wrong: 1 of 2 "
        f"…/img_{i % 3}.jpg"
        for i in range(49, 43, -1)
    ]
    assert [len(axes.images) for axes in grid[1]] == [1, 0, 0, 0, 0, 0]
    assert grid[1, 1].texts[0].get_text() == "no more"


def test_photos_wrong_by_all_are_at_most_twelve(paths):
    drawn = error_figures.wrong_by_all(wrong(15), paths, NAMES, "All are wrong on 15.", OVER)
    shown = [axes for axes in drawn.axes if axes.images]
    assert len(shown) == 12
    assert {axes.get_xlabel() for axes in shown} == {
        f"label sitting\npred. walking_running\n…/of_2024/img_{i}.jpg" for i in range(3)
    }
    said = texts(drawn).replace("\n", " ")
    assert "All are wrong on 15. The 12 hardest:" in said
    assert OVER in said
    assert_nothing_overlaps(drawn)
    few = error_figures.wrong_by_all(wrong(2), paths, NAMES, "All are wrong on 2.", OVER)
    assert "hardest" not in texts(few)
    assert_nothing_overlaps(few)


def test_without_a_photo_wrong_by_all_the_sentence_is_the_picture():
    told = error_analysis.wrong_by_all_sentence(wrong(0), 8, 285)
    drawn = error_figures.wrong_by_all(wrong(0), {}, {}, told, OVER)
    assert texts(drawn) == f"{OVER}\n{told}"
    assert_nothing_overlaps(drawn)


def test_error_rates_have_a_panel_a_factor_with_counts():
    models = ["clip_ic", "mean of 8 models"]
    drawn = error_figures.error_rates(rates([*models, "other"]), models, OVER)
    panels = [axes for axes in drawn.axes if axes.axison]
    titles = [axes.get_xlabel().replace("\n", " ") for axes in panels]
    assert titles == [factor.title for factor in error_factors.FACTORS.values()]
    for axes in panels:
        ticks = [tick.get_text() for tick in axes.get_xticklabels()]
        assert ticks == ["0.001 to 0.12\n95 photos", "0.12 to 0.34\n95 photos"]
        assert len(axes.containers) == 2
        (bars,) = axes.containers[0].lines[2]
        assert [segment[:, 1].tolist() for segment in bars.get_segments()] == [
            pytest.approx([0.4, 0.6])
        ] * 2
    (legend,) = drawn.legends
    assert [text.get_text() for text in legend.get_texts()] == models
    assert legend.get_title().get_text() == OVER
    assert_nothing_overlaps(drawn)


def test_error_rates_without_boxes_say_so_in_each_panel():
    drawn = error_figures.error_rates(rates(["vit"], boxes=False), ["vit"], OVER)
    assert texts(drawn).count(error_analysis.NO_BOXES) == 5
    assert len(drawn.legends[0].get_texts()) == 1
    assert_nothing_overlaps(drawn)


def test_a_bin_that_one_model_lacks_is_left_empty_for_it():
    table = rates(["a", "b"])
    table = table[~((table["model"] == "b") & (table["bin"] == "0.001 to 0.12"))]
    axes = error_figures.error_rates(table, ["a", "b"], OVER).axes[0]
    points = [container.lines[0].get_xdata() for container in axes.containers]
    assert [len(x) for x in points] == [2, 1]
    assert round(points[1][0]) == 1


def test_agreement_is_read_from_both_sides():
    table = pairs(["a", "b", "c"]).assign(kappa=[0.712, -0.2, np.nan])
    axes = error_figures.agreement(table, ["c", "a", "b"], OVER).axes[0]
    shown = {text.get_position(): text.get_text() for text in axes.texts}
    assert shown == {
        (1, 2): "0.71",
        (2, 1): "0.71",
        (0, 1): "−0.20",
        (1, 0): "−0.20",
        (0, 2): "none",
        (2, 0): "none",
    }


@pytest.mark.parametrize("count", [2, 3, 8])
def test_agreement_has_room_for_long_names(count):
    assert_nothing_overlaps(error_figures.agreement(pairs(LONG[:count]), LONG[:count], OVER))


def test_one_model_has_nobody_to_agree_with():
    assert "Agreement requires at least two models" in texts(
        error_figures.agreement(pairs(["a"]), ["a"], OVER)
    )


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_the_same_tables_give_the_same_bytes(tmp_path, paths, kind):
    for name, draw in {
        "failures": lambda: error_figures.failures(
            failures(["a"]), ["a"], CLASSES, paths, NAMES, OVER
        ),
        "wrong": lambda: error_figures.wrong_by_all(wrong(2), paths, NAMES, "Two.", OVER),
        "rates": lambda: error_figures.error_rates(rates(["a"]), ["a"], OVER),
        "agreement": lambda: error_figures.agreement(pairs(["a", "b"]), ["a", "b"], OVER),
        "sentence": lambda: error_figures.agreement(pairs(["a"]), ["a"], OVER),
    }.items():
        first, second = (tmp_path / f"{name}_{i}.{kind}" for i in "ab")
        style.save(draw(), first)
        style.save(draw(), second)
        assert first.read_bytes() == second.read_bytes()
