import numpy as np
import pandas as pd
import pytest
from PIL import Image

from stillact.figures import base as figures

CLASSES = ["walking_running", "sitting", "standing"]


def photos(count=30):
    rng = np.random.default_rng(0)
    width, height = rng.integers(300, 640, count), rng.integers(240, 640, count)
    label = [CLASSES[i % 2] for i in range(count)]  # nobody is standing
    return pd.DataFrame(
        {"label": label, "width": width, "height": height, "aspect_ratio": width / height}
    )


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


SEEDS = {"cnn_gen": [0.45, 0.55], "new": [0.4]}


def history(*validation):
    epochs = range(1, len(validation) + 1)
    train = [1 / epoch for epoch in epochs]
    return pd.DataFrame({"epoch": epochs, "train_loss": train, "validation_loss": validation})


def example_files(folder):
    files = []
    for i, size in enumerate([(64, 32), (32, 64), (48, 48)]):
        files.append(folder / f"{i}.jpg")
        Image.new("RGB", size, (200, 30 * i, 0)).save(files[-1])
    return {"sitting": files, "standing": files[:1]}


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_same_input_same_bytes(tmp_path, kind):
    for name, draw in {
        "sizes": lambda: figures.sizes(photos(), CLASSES),
        "accuracy": lambda: figures.accuracy(table(), SEEDS, 0.345, "test"),
        "confusion": lambda: figures.confusion(confusions("vit", "clip_ic")),
        "examples": lambda: figures.examples(example_files(tmp_path)),
        "curves": lambda: figures.learning_curves({"vit": [history(1, 2)]}),
    }.items():
        first, second = (tmp_path / f"{name}_{i}.{kind}" for i in "ab")
        figures.save(draw(), first)
        figures.save(draw(), second)
        assert first.read_bytes() == second.read_bytes()
        assert b"<dc:date>" not in first.read_bytes()


def test_save_leaves_one_file(tmp_path):
    figures.save(figures.sizes(photos(), CLASSES), tmp_path / "new" / "figure.svg")
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["figure.svg"]


def test_axes_name_their_units():
    axes = figures.sizes(photos(), CLASSES).axes
    labels = [(a.get_xlabel(), a.get_ylabel()) for a in axes]
    assert labels == [
        ("width (px)", "height (px)"),
        ("classes as above", "width (px)"),
        ("classes as above", "height (px)"),
        ("aspect ratio (width / height)", "photos (count)"),
    ]
    (axes,) = figures.accuracy(table(), SEEDS, 0.345, "validation").axes
    assert axes.get_xlabel() == "accuracy on the validation photos (%)"


def test_a_class_keeps_its_colour_whichever_classes_have_photos():
    scatter, width, *_ = figures.sizes(photos(), CLASSES).axes
    both = [c.get_facecolor()[0, :3] for c in scatter.collections]
    alone = figures.sizes(photos().query("label == 'sitting'"), CLASSES).axes[0].collections
    assert np.allclose(alone[1].get_facecolor()[0, :3], both[1])
    assert len({tuple(colour) for colour in both}) == 3
    assert [text.get_text() for text in scatter.figure.legends[0].get_texts()] == CLASSES
    assert len(width.patches) == 3


def test_accuracy_draws_each_value_where_it_is():
    (axes,) = figures.accuracy(table(), SEEDS, 0.345, "test").axes
    drawn = {line.get_label(): line for line in axes.lines}
    assert drawn["largest class: 34.5 %"].get_xdata()[0] == 0.345
    assert drawn["paper, on its photos"].get_xdata().tolist() == [0.4138]
    assert drawn["one seed"].get_xdata().tolist() == [0.45, 0.55, 0.4]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["cnn_gen", "new"]
    (bars,) = axes.collections
    assert np.allclose(bars.get_segments()[0][:, 0], [0.4, 0.6])
    assert axes.yaxis_inverted()  # the first row is on top


def test_one_seed_and_no_paper_have_no_word_of_intervals_or_paper():
    alone = table(runs=1).assign(accuracy_paper=np.nan)
    figure = figures.accuracy(alone, SEEDS, 0.345, "test")
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == ["largest class: 34.5 %", "one seed", "mean"]


def test_confusion_says_shares_and_photos_where_they_are():
    (axes,) = [a for a in figures.confusion(confusions("vit")).axes if a.axison]
    assert axes.get_title() == "vit\naccuracy 93.8 %"  # 7.5 of 8
    said = {text.get_position(): text.get_text() for text in axes.texts}
    shares = {(round(x), y): text for (x, y), text in said.items() if "%" in text}
    assert shares == {(0, 0): "88 %", (1, 0): "12 %", (0, 1): "0 %", (1, 1): "100 %"}
    photos = {(x, round(y)): text for (x, y), text in said.items() if "%" not in text}
    assert photos == {(0, 0): "3.5", (1, 0): "0.5", (0, 1): "0", (1, 1): "4"}
    np.testing.assert_allclose(axes.images[0].get_array(), [[0.875, 0.125], [0, 1]])
    assert [t.get_text() for t in axes.get_yticklabels()] == [
        "sitting\n4 photos",
        "standing\n4 photos",
    ]
    figure = axes.figure
    assert (figure.get_supxlabel(), figure.get_supylabel()) == ("predicted class", "true class")


def test_confusions_share_one_scale_and_the_best_comes_first():
    counts = dict(reversed(confusions("best", "middle", "worst").items()))
    panels = figures.confusion(counts).axes
    assert [a.get_title().split("\n")[0] for a in panels] == ["best", "middle", "worst"]
    assert {a.images[0].get_clim() for a in panels} == {(0, 1)}


@pytest.mark.parametrize(("models", "labelled"), [("abcd", "bcd"), ("abc", "abc"), ("ab", "ab")])
def test_the_lowest_panel_of_each_column_names_the_predicted_classes(models, labelled):
    panels = [a for a in figures.confusion(confusions(*models)).axes if a.axison]
    shown = [a for a in panels if a.xaxis.get_tick_params()["labelbottom"]]
    assert [a.get_title()[0] for a in shown] == list(labelled)


def test_a_class_without_photos_is_blank():
    counts = confusions("vit", classes=CLASSES)
    counts["vit"].loc["sitting"] = 0
    (axes,) = [a for a in figures.confusion(counts).axes if a.axison]
    assert np.isnan(np.ma.filled(axes.images[0].get_array(), np.nan)[1]).all()
    assert len(axes.texts) == 2 * 6


@pytest.mark.parametrize("classes", [2, 3, 4, 7])
def test_words_stay_in_their_cells(classes):
    figure = figures.confusion(confusions("vit", classes=[f"class_{i}" for i in range(classes)]))
    figure.draw_without_rendering()
    (axes,) = [a for a in figure.axes if a.axison]
    cell = axes.get_window_extent().width / classes
    assert max(text.get_window_extent().width for text in axes.texts) < cell


@pytest.mark.parametrize("classes", [8, 12, 50])
def test_a_confusion_of_many_classes_can_be_read(classes):
    names = [f"riding_a_vehicle_{i}" for i in range(classes)]
    figure = figures.confusion(confusions("best", "worst", classes=names))
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


def test_many_classes_have_names_in_place_of_colours():
    classes = [f"class_{i}" for i in range(8)]
    sizes = photos(80).assign(label=np.repeat(classes, 10))
    scatter, width, height, ratio = figures.sizes(sizes, classes).axes
    assert len(scatter.collections) == 1
    assert len(scatter.collections[0].get_offsets()) == 80
    assert [tick.get_text() for tick in width.get_yticklabels()] == classes
    assert width.yaxis_inverted()
    assert height.yaxis_inverted()
    medians = sizes.groupby("label")["width"].median()
    lines = [line.get_xdata() for line in width.lines if len(line.get_xdata()) == 2]
    drawn = {x[0] for x in lines if x[0] == x[1]}
    assert set(medians) <= drawn
    assert len({tuple(patch.get_facecolor()) for patch in width.patches + height.patches}) == 1
    assert sum(bar.get_height() for bar in ratio.patches) == 80


def test_of_many_classes_there_is_one_example_each(tmp_path):
    files = example_files(tmp_path)["sitting"]
    paths = {f"class_{i}": files for i in range(9)} | {"empty": []}
    figure = figures.examples(paths)
    assert [axes.get_title() for axes in figure.axes[:10]] == list(paths)
    assert [len(axes.images) for axes in figure.axes] == [1] * 9 + [0] * 3


def test_learning_curves_have_a_panel_a_model_and_a_dot_at_each_seeds_best_epoch():
    runs = {"vit": [history(1.2, 0.7, 0.9), history(1.1, 1.3)], "cnn_base": [history(1, 1)]}
    panels = [a for a in figures.learning_curves(runs).axes if a.axison]
    assert [a.get_title(loc="left") for a in panels] == ["vit", "cnn_base"]
    lines = [[line.get_xydata().tolist() for line in a.lines] for a in panels]
    assert lines[0][1] == [[1, 1.2], [2, 0.7], [3, 0.9]]
    assert lines[0][3] == [[1, 1], [2, 0.5]]
    assert [lines[0][2], lines[0][5], lines[1][2]] == [[[2, 0.7]], [[1, 1.1]], [[1, 1]]]
    assert panels[0].get_ylim() == panels[1].get_ylim()
    assert panels[0].get_ylim()[0] == 0


@pytest.mark.parametrize("models", [1, 2, 3])
def test_learning_curves_of_any_number_of_models(models):
    figure = figures.learning_curves({f"m{i}": [history(1, 0.5)] for i in range(models)})
    assert sum(a.axison for a in figure.axes) == models
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == ["training", "validation", "best epoch"]


def test_examples_are_upright_whole_and_undistorted(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned a quarter: 60 wide and 30 high is seen as 30 by 60
    Image.new("RGB", (60, 30), "red").save(tmp_path / "turned.jpg", exif=exif)
    figure = figures.examples({"sitting": [tmp_path / "turned.jpg"]})
    (axes,) = figure.axes
    left, right, bottom, top = axes.images[0].get_extent()
    assert (right - left) / (top - bottom) == pytest.approx(0.5)
    assert axes.get_xlim() == axes.get_ylim()
    assert axes.get_title(loc="left") == "sitting"
    assert not axes.axison
