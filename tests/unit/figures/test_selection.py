import pandas as pd
import pytest

from stillact.figures import selection


def test_baselines_are_lines_with_their_accuracy():
    row = dict(scheme="cv", model="a", images=9, accuracy=0.7)
    table = pd.DataFrame([row | dict(accuracy_ci_low=0.6, accuracy_ci_high=0.8)])
    figure = selection.recipes(table, {"majority class": 0.34, "boxes": 0.57})
    (axes,) = figure.axes
    lines = {
        line.get_label(): line.get_xdata()[0] for line in axes.lines if len(line.get_xdata()) == 2
    }
    assert lines["majority class: 34.0 %"] == pytest.approx(34)
    assert lines["boxes: 57.0 %"] == pytest.approx(57)
