import numpy as np
import pandas as pd
import pytest
from PIL import Image

from stillact.figures import data, style

CLASSES = ["walking_running", "sitting", "standing"]


def photos(count=30):
    rng = np.random.default_rng(0)
    width, height = rng.integers(300, 640, count), rng.integers(240, 640, count)
    label = [CLASSES[i % 2] for i in range(count)]  # nobody is standing
    return pd.DataFrame(
        {"label": label, "width": width, "height": height, "aspect_ratio": width / height}
    )


def example_files(folder):
    files = []
    for i, size in enumerate([(64, 32), (32, 64), (48, 48)]):
        files.append(folder / f"{i}.jpg")
        Image.new("RGB", size, (200, 30 * i, 0)).save(files[-1])
    return {"sitting": files, "standing": files[:1]}


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_same_input_same_bytes(tmp_path, kind):
    for name, draw in {
        "sizes": lambda: data.sizes(photos(), CLASSES),
        "examples": lambda: data.examples(example_files(tmp_path)),
    }.items():
        first, second = (tmp_path / f"{name}_{i}.{kind}" for i in "ab")
        style.save(draw(), first)
        style.save(draw(), second)
        assert first.read_bytes() == second.read_bytes()


def test_axes_name_their_units():
    axes = data.sizes(photos(), CLASSES).axes
    labels = [(a.get_xlabel(), a.get_ylabel()) for a in axes]
    assert labels == [
        ("width (px)", "height (px)"),
        ("classes as above", "width (px)"),
        ("classes as above", "height (px)"),
        ("aspect ratio (width / height)", "photos (count)"),
    ]


def test_a_class_keeps_its_colour_whichever_classes_have_photos():
    scatter, width, *_ = data.sizes(photos(), CLASSES).axes
    both = [c.get_facecolor()[0, :3] for c in scatter.collections]
    alone = data.sizes(photos().query("label == 'sitting'"), CLASSES).axes[0].collections
    assert np.allclose(alone[1].get_facecolor()[0, :3], both[1])
    assert len({tuple(colour) for colour in both}) == 3
    assert [text.get_text() for text in scatter.figure.legends[0].get_texts()] == CLASSES
    assert len(width.patches) == 3


def test_many_classes_have_names_in_place_of_colours():
    classes = [f"class_{i}" for i in range(8)]
    sizes = photos(80).assign(label=np.repeat(classes, 10))
    scatter, width, height, ratio = data.sizes(sizes, classes).axes
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
    figure = data.examples(paths)
    assert [axes.get_title() for axes in figure.axes[:10]] == list(paths)
    assert [len(axes.images) for axes in figure.axes] == [1] * 9 + [0] * 3


def test_examples_are_upright_whole_and_undistorted(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned a quarter: 60 wide and 30 high is seen as 30 by 60
    Image.new("RGB", (60, 30), "red").save(tmp_path / "turned.jpg", exif=exif)
    figure = data.examples({"sitting": [tmp_path / "turned.jpg"]})
    (axes,) = figure.axes
    left, right, bottom, top = axes.images[0].get_extent()
    assert (right - left) / (top - bottom) == pytest.approx(0.5)
    assert axes.get_xlim() == axes.get_ylim()
    assert axes.get_title(loc="left") == "sitting"
    assert not axes.axison
