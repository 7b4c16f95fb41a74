import numpy as np
import pandas as pd
import pytest

from stillact.figures import results, style

CLASSES = ["walking_running", "sitting", "standing"]
SEEDS = {"cnn_gen": [0.45, 0.55], "new": [0.4]}


def table(runs=5):
    known = runs > 1
    return pd.DataFrame(
        {
            "model": ["cnn_gen", "new"],
            "accuracy_mean": [0.5, 0.4],
            "accuracy_ci_low": [0.4 if known else np.nan, np.nan],
            "accuracy_ci_high": [0.6 if known else np.nan, np.nan],
            "accuracy_paper": [0.4138, np.nan],
        }
    )


def confusions(*models, classes=("sitting", "standing")):
    """Of 4 photos a class, those of the first class fare worse with each model."""
    counts = {}
    for place, model in enumerate(models):
        table = np.diag(np.full(len(classes), 4.0))
        table[0, :2] = 4 - place - 0.5, place + 0.5
        counts[model] = pd.DataFrame(table, classes, classes)
    return counts


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_same_input_same_bytes(tmp_path, kind):
    for name, draw in {
        "accuracy": lambda: results.accuracy(table(), SEEDS, 0.345, "test"),
        "confusion": lambda: results.confusion(confusions("vit", "clip_ic")),
    }.items():
        first, second = (tmp_path / f"{name}_{i}.{kind}" for i in "ab")
        style.save(draw(), first)
        style.save(draw(), second)
        assert first.read_bytes() == second.read_bytes()


def test_the_axis_says_which_photos_are_judged():
    (axes,) = results.accuracy(table(), SEEDS, 0.345, "validation").axes
    assert axes.get_xlabel() == "accuracy on the validation photos (%)"


def test_accuracy_draws_each_value_where_it_is():
    (axes,) = results.accuracy(table(), SEEDS, 0.345, "test").axes
    drawn = {line.get_label(): line for line in axes.lines}
    assert drawn["majority class: 34.5 %"].get_xdata()[0] == 0.345
    assert drawn["paper, on its photos"].get_xdata().tolist() == [0.4138]
    assert drawn["one seed"].get_xdata().tolist() == [0.45, 0.55, 0.4]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["cnn_gen", "new"]
    (bars,) = axes.collections
    assert np.allclose(bars.get_segments()[0][:, 0], [0.4, 0.6])
    assert axes.yaxis_inverted()  # the first row is on top


def test_one_seed_and_no_paper_have_no_word_of_intervals_or_paper():
    alone = table(runs=1).assign(accuracy_paper=np.nan)
    figure = results.accuracy(alone, SEEDS, 0.345, "test")
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == ["majority class: 34.5 %", "one seed", "mean"]


def test_confusion_says_shares_and_photos_where_they_are():
    (axes,) = [a for a in results.confusion(confusions("vit")).axes if a.axison]
    assert axes.get_title() == "vit\naccuracy 93.8 %"  # 7.5 of 8
    said = {text.get_position(): text.get_text() for text in axes.texts}
    shares = {(round(x), y): text for (x, y), text in said.items() if "%" in text}
    assert shares == {(0, 0): "88 %", (1, 0): "12 %", (0, 1): "0 %", (1, 1): "100 %"}
    photos = {(x, round(y)): text for (x, y), text in said.items() if "%" not in text}
    assert photos == {(0, 0): "3.5", (1, 0): "0.5", (0, 1): "0", (1, 1): "4"}
    np.testing.assert_allclose(axes.images[0].get_array(), [[0.875, 0.125], [0, 1]])
    assert [t.get_text() for t in axes.get_yticklabels()] == [
        "sitting (4)",
        "standing (4)",
    ]
    figure = axes.figure
    assert (figure.get_supxlabel(), figure.get_supylabel()) == (
        "predicted class",
        "true class (photos)",
    )


def test_confusions_share_one_scale_and_the_best_comes_first():
    counts = dict(reversed(confusions("best", "middle", "worst").items()))
    panels = results.confusion(counts).axes
    assert [a.get_title().split("\n")[0] for a in panels] == ["best", "middle", "worst"]
    assert {a.images[0].get_clim() for a in panels} == {(0, 1)}


@pytest.mark.parametrize(("models", "labelled"), [("abcd", "bcd"), ("abc", "abc"), ("ab", "ab")])
def test_the_lowest_panel_of_each_column_names_the_predicted_classes(models, labelled):
    panels = [a for a in results.confusion(confusions(*models)).axes if a.axison]
    shown = [a for a in panels if a.xaxis.get_tick_params()["labelbottom"]]
    assert [a.get_title()[0] for a in shown] == list(labelled)


def test_a_class_without_photos_is_blank():
    counts = confusions("vit", classes=CLASSES)
    counts["vit"].loc["sitting"] = 0
    (axes,) = [a for a in results.confusion(counts).axes if a.axison]
    assert np.isnan(np.ma.filled(axes.images[0].get_array(), np.nan)[1]).all()
    assert len(axes.texts) == 2 * 6


@pytest.mark.parametrize("classes", [2, 3, 4, 7])
def test_words_stay_in_their_cells(classes):
    figure = results.confusion(confusions("vit", classes=[f"class_{i}" for i in range(classes)]))
    figure.draw_without_rendering()
    (axes,) = [a for a in figure.axes if a.axison]
    cell = axes.get_window_extent().width / classes
    assert max(text.get_window_extent().width for text in axes.texts) < cell


@pytest.mark.parametrize("classes", [8, 12, 50])
def test_a_confusion_of_many_classes_can_be_read(classes):
    names = [f"riding_a_vehicle_{i}" for i in range(classes)]
    figure = results.confusion(confusions("best", "worst", classes=names))
    figure.draw_without_rendering()
    panels = [axes for axes in figure.axes if axes.get_title()]
    assert [axes.get_title().split("\n")[0] for axes in panels] == ["best", "worst"]
    for axes in panels:
        ticks = axes.get_yticklabels()
        assert [text.get_text() for text in ticks] == [f"{name} (4)" for name in names]
        ends = [text.get_window_extent() for text in ticks]
        assert min(ends[i].y0 - ends[i + 1].y1 for i in range(classes - 1)) > -1
        assert ends[0].x0 >= 0
        cell = axes.get_window_extent().width / classes
        assert all(text.get_window_extent().width < cell for text in axes.texts)
    if classes < 50:  # shares of 0 are not told
        said = [text.get_text() for text in panels[0].texts]
        assert said == ["88", "12", *["100"] * (classes - 1)]
        assert sum(len(axes.texts) for axes in panels) == 2 * (classes + 1)
