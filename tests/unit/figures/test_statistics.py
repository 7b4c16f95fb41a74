import numpy as np
import pandas as pd
import pytest

from stillact.evaluation.bootstrap import METRICS
from stillact.figures import statistics as statistics_figures
from stillact.figures import style

MODELS = ["clip_ic", "cnn_gen", "fnn_base"]


def pooled() -> pd.DataFrame:
    rows = [
        {
            "model": model,
            "scheme": "holdout",
            "images": 29,
            "runs": 5,
            "metric": metric,
            "value": 0.5 - 0.1 * i,
            "ci_low": 0.3,
            "ci_high": 0.7,
        }
        for i, model in enumerate(MODELS)
        for metric in METRICS
    ]
    return pd.DataFrame(rows)


def pairs() -> pd.DataFrame:
    rows = [("clip_ic", "cnn_gen", 0.31, 0.01), ("clip_ic", "fnn_base", 0.36, 0.2)]
    rows.append(("cnn_gen", "fnn_base", -0.002, np.nan))
    return pd.DataFrame(rows, columns=["model_a", "model_b", "difference", "mcnemar_p_holm"])


def reliability() -> tuple[pd.DataFrame, pd.DataFrame]:
    points = pd.DataFrame({"model": "clip_ic", "confidence": [0.4, 0.9], "accuracy": [0.5, 1.0]})
    points = points.assign(calibrated_low=[0.2, 0.7], calibrated_high=[0.6, 1.0])
    return points, pd.DataFrame(
        {"model": ["clip_ic"], "images": [285], "ece": [0.123], "calibrated_mean": [0.17]}
    )


def texts(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_each_metric_has_a_panel_with_the_best_model_first():
    drawn = statistics_figures.pooled(pooled(), 0.345, "over 29 test photos")
    labels = [axes.get_xlabel() for axes in drawn.axes]
    assert [label.split(" (")[0] for label in labels] == [
        "accuracy",
        "balanced accuracy",
        "macro F1",
        "log loss",
    ]
    for axes in drawn.axes[::2]:  # the left one of each row has the names
        assert [text.get_text() for text in axes.get_yticklabels()] == MODELS
        assert axes.yaxis_inverted()
    (legend,) = drawn.legends
    assert legend.get_title().get_text() == "over 29 test photos"
    assert [text.get_text() for text in legend.get_texts()] == ["majority class: 34.5 %"]


def test_pairs_are_read_from_both_sides_and_stars_follow_holm():
    figure = statistics_figures.pairs(pairs(), MODELS, "over 29 photos")
    axes = figure.axes[0]
    shown = {text.get_position(): text.get_text() for text in axes.texts}
    # (column, row): the row's model is better by
    assert shown == {
        (1, 0): "+31*",
        (0, 1): "−31*",
        (2, 0): "+36",
        (0, 2): "−36",
        (2, 1): "0",
        (1, 2): "0",
    }
    assert figure.get_suptitle() == "over 29 photos"
    assert axes.images[0].get_clim() == (-25, 25)  # in every study: a colour has one meaning


def test_a_pair_without_a_difference_stays_empty():
    table = pairs().assign(difference=[0.31, np.nan, np.nan])
    axes = statistics_figures.pairs(table, MODELS, "").axes[0]
    assert sorted(texts(axes)) == ["+31*", "−31*"]


def test_a_reliability_diagram_shows_the_error_and_that_of_a_calibrated_model():
    drawn = statistics_figures.reliability(*reliability(), "over 29 photos")
    axes = drawn.axes[0]
    assert axes.get_title() == "clip_ic\nECE 0.12 (0.17)"
    line = axes.lines[1]
    assert line.get_xdata().tolist() == [0.4, 0.9]
    assert line.get_ydata().tolist() == [0.5, 1.0]


def test_reliability_is_not_judged_on_fewer_than_a_hundred_photos():
    points, scores = reliability()
    told = statistics_figures.reliability(points, scores.assign(images=99), "over 99 photos")
    assert not told.axes
    assert "cannot be judged: fewer than 100 photos" in told.texts[0].get_text()
    both = pd.concat([scores, scores.assign(model="vit", images=29)])
    drawn = statistics_figures.reliability(points, both, "over 29 to 285 photos")
    assert [axes.get_title() for axes in drawn.axes if axes.axison] == ["clip_ic\nECE 0.12 (0.17)"]
    assert "vit cannot be judged: fewer than 100 photos" in drawn.get_suptitle()


def test_the_same_tables_give_the_same_bytes(tmp_path):
    for name in ("a.svg", "b.svg"):
        style.save(statistics_figures.reliability(*reliability(), "over"), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def covered() -> pd.DataFrame:
    """The second model is the better one; people cover more than half of more of its photos."""
    rows = []
    for model, best, over_half in (("cnn_gen", 0.5, 2), ("clip_ic", 0.9, 3)):
        for fill in statistics_figures.FILLS:
            row = dict(model=model, fill=fill, photos=29 - over_half, without_boxes=0, runs=5)
            row |= dict(over_half=over_half)
            for what, value in (("nothing", best), ("background", best - 0.1), ("person", 0.4)):
                row |= {f"accuracy_{what}": value, f"accuracy_{what}_ci_low": value - 0.1}
                row |= {f"accuracy_{what}_ci_high": value + 0.05}
            rows.append(row)
    return pd.DataFrame(rows)


def test_a_panel_a_fill_shows_what_is_covered_with_the_best_model_first():
    drawn = statistics_figures.covered(covered())
    first, second = drawn.axes
    assert [axes.get_title(loc="left") for axes in drawn.axes] == [
        *statistics_figures.FILLS.values()
    ]
    assert [text.get_text() for text in first.get_yticklabels()] == ["clip_ic", "cnn_gen"]
    for axes in (first, second):
        points = {bars.get_label(): bars.lines[0].get_xdata().tolist() for bars in axes.containers}
        assert points["nothing covered"] == [0.9, 0.5]
        assert points["equal area of background covered"] == pytest.approx([0.8, 0.4])
        assert points["person covered"] == [0.4, 0.4]
    (legend,) = drawn.legends
    assert legend.get_title().get_text() == (
        "over 26 to 27 test photos and 5 seeds\nexcluded: 2 to 3 with people over more than half"
    )


def test_where_nothing_was_covered_a_sentence_says_so():
    drawn = statistics_figures.covered(covered().iloc[:0])
    assert drawn.axes == []
    assert drawn.texts[0].get_text().startswith("No test photo has person boxes")
