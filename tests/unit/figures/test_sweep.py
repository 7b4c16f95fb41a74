import numpy as np
import pandas as pd
import pytest

from stillact.evaluation import sweep
from stillact.figures import style
from stillact.figures import sweep as sweep_figures


def points() -> pd.DataFrame:
    rows = [
        (0.3, 1.0, "none", 0.8, 0.5),
        (0.3, 0.8, "none", 0.6, 0.75),
        (1.0, 1.0, "none", 0.2, 0.75),
        (1.0, 0.8, "none", 0.7, 1.0),
        (1.0, 0.65, "none", 0.9, 0.25),
    ]
    return pd.DataFrame(rows, columns=[*sweep.SETTINGS, *sweep.METRICS])


def drawn(own=None):
    own = own or {"learning_rate": 1.0}
    return sweep_figures.sweep(
        points(), sweep.summary(points()), own, "clip_lp_ft", "28 validation photos"
    )


def parts(axes):
    lines = {line.get_label(): line for line in axes.lines}
    medians = {round((x0 + x1) / 2): y for (x0, y), (x1, _) in axes.collections[0].get_segments()}
    return lines, medians


def test_each_point_stands_at_its_values_and_medians_over_them():
    grid = np.reshape(drawn().axes, (2, 3))
    lines, medians = parts(grid[0, 0])  # loss by learning rate
    x, y = lines["one combination"].get_data()
    assert np.round(x).tolist() == [0, 0, 1, 1, 1]
    assert len(set(x)) == 5  # none hides another
    assert y.tolist() == [0.8, 0.6, 0.2, 0.7, 0.9]
    assert medians == pytest.approx({0: 0.7, 1: 0.7})
    lines, medians = parts(grid[1, 1])  # accuracy by layer decay
    assert np.round(lines["one combination"].get_xdata()).tolist() == [0, 1, 0, 1, 2]
    assert medians == pytest.approx({0: 0.625, 1: 0.875, 2: 0.25})


def test_the_best_is_ringed_in_every_panel():
    for axes in drawn().axes:
        lines, _ = parts(axes)
        xs, ys = lines["one combination"].get_data()
        (x,), (y,) = lines["lowest loss"].get_data()
        assert (x, y) == (xs[2], ys[2])


def test_the_models_own_values_are_marked():
    figure = drawn({"learning_rate": 1.0, "augment": "none"})
    ticks = [[tick.get_text() for tick in axes.get_xticklabels()] for axes in figure.axes[3:]]
    assert ticks == [["0.3", "1.0\n(config)"], ["1.0", "0.8", "0.65"], ["none\n(config)"]]


def test_best_median_and_spread_are_told():
    (legend,) = drawn().legends
    assert legend.get_title().get_text().splitlines() == [
        "clip_lp_ft: 5 combinations, one seed, 28 validation photos",
        "loss: best 0.20, median 0.70, range 0.20 to 0.90 (IQR 0.20)",
        "accuracy: best 100.0 %, median 75.0 %, range 25.0 to 100.0 % (IQR 25.0)",
    ]


def test_accuracies_that_are_all_alike_have_an_axis_without_repeated_numbers():
    for value in (0.0, 0.25, 1.0):
        alike = points().assign(validation_accuracy=value)
        figure = sweep_figures.sweep(
            alike, sweep.summary(alike), {}, "clip_lp_ft", "28 validation photos"
        )
        figure.canvas.draw()
        numbers = [tick.get_text() for tick in figure.axes[3].get_yticklabels()]
        assert len(set(numbers)) == len(numbers) > 2


def history(*accuracies):
    alphas = np.linspace(0, 1, len(accuracies))
    loss = [1 - value for value in accuracies]
    columns = {"alpha": alphas, "validation_loss": loss, "validation_accuracy": accuracies}
    return pd.DataFrame(columns)


def curve(seeds):
    histories = [history(0.5, 0.75, 0.5), history(0.5, 0.5, 1.0)][:seeds]
    return sweep_figures.alpha_curve(histories, [0.5, 1.0][:seeds], "clip_wise_ft", 28)


def test_an_alpha_curve_has_a_line_a_seed_their_mean_and_the_chosen_alphas():
    accuracy, loss = curve(2).axes
    lines = [line for line in accuracy.lines if line.get_label() == "one seed"]
    assert [line.get_ydata().tolist() for line in lines] == [[0.5, 0.75, 0.5], [0.5, 0.5, 1.0]]
    dots = [line for line in accuracy.lines if line.get_label() == "selected alpha"]
    assert [(*dot.get_xdata(), *dot.get_ydata()) for dot in dots] == [(0.5, 0.75), (1.0, 1.0)]
    (mean,) = (line for line in loss.lines if line.get_label() == "mean over seeds")
    assert mean.get_xdata().tolist() == [0, 0.5, 1]
    assert mean.get_ydata().tolist() == [0.5, 0.375, 0.25]
    ends = [tick.get_text() for tick in accuracy.get_xticklabels()]
    assert (ends[0], ends[-1]) == ("0\nzero-shot", "1\nfine-tuned")


@pytest.mark.parametrize(("seeds", "told"), [(1, "one seed"), (2, "2 seeds")])
def test_an_alpha_curve_says_what_it_is_over(seeds, told):
    (legend,) = curve(seeds).legends
    assert legend.get_title().get_text() == f"clip_wise_ft: {told}, 28 validation photos"
    words = [text.get_text() for text in legend.get_texts()]
    assert words == ["one seed", "selected alpha", "mean over seeds"][: 1 + seeds]


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_same_input_same_bytes(tmp_path, kind):
    for name, draw in {"sweep": drawn, "alpha": lambda: curve(2)}.items():
        first, second = (tmp_path / f"{name}_{i}.{kind}" for i in "ab")
        style.save(draw(), first)
        style.save(draw(), second)
        assert first.read_bytes() == second.read_bytes()


def test_a_network_without_layer_decay_has_no_panel_of_it():
    some = points().drop(columns="layer_decay")
    figure = sweep_figures.sweep(some, sweep.summary(some), {}, "cnn_gen", "all photos")
    assert [axes.get_xlabel() for axes in figure.axes[2:]] == [
        "learning rate\n(times the model's own)",
        "augmentation",
    ]
