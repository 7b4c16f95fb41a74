import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from stillact.evaluation import more_photos
from stillact.figures import selection
from support.reports import ANSWER

CENTRES = np.eye(3, 30) * 2.2


def drawn(rng, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Photos of three classes, whose features are normal in 30 dimensions."""
    labels = np.arange(count) % 3
    return CENTRES[labels] + rng.normal(size=(count, 30)), labels


def folded(labels: np.ndarray, count: int = 5) -> np.ndarray:
    folds = np.zeros(len(labels), int)
    splits = StratifiedKFold(count, shuffle=True, random_state=0).split(labels, labels)
    for number, (_, test) in enumerate(splits):
        folds[test] = number
    return folds


def curve(features, labels, clusters=None):
    alone = np.arange(len(labels)) if clusters is None else clusters
    return more_photos.curve(features, labels, alone, folded(labels), dict.fromkeys(range(5), 1.0))


def test_the_measured_accuracies_are_those_of_probes_on_parts_of_each_fold():
    features, labels = drawn(np.random.default_rng(0), 120)
    folds = folded(labels)
    penalties = {fold: 10.0 ** (fold - 2) for fold in range(5)}
    table = more_photos.curve(features, labels, np.arange(120), folds, penalties)
    assert table["photos"].tolist() == [12, 24, 48, 72, 96, 240]
    right = [
        LogisticRegression(C=penalties[fold], max_iter=1000)
        .fit(features[folds != fold], labels[folds != fold])
        .predict(features[folds == fold])
        == labels[folds == fold]
        for fold in range(5)
    ]
    assert table["accuracy"][4] == pytest.approx(np.concatenate(right).mean())
    assert table["gain"].isna().tolist() == [True] * 5 + [False]
    assert ((table["ci_low"] <= table["accuracy"]) & (table["accuracy"] <= table["ci_high"])).all()


def test_the_gain_of_twice_as_many_photos_is_within_the_interval():
    """40 studies of 100 photos, against probes trained on 100 and 200 others."""
    rng = np.random.default_rng(1)
    new, of_new = drawn(rng, 3000)
    once, twice = (
        np.mean([LogisticRegression().fit(*drawn(rng, n)).score(new, of_new) for _ in range(30)])
        for n in (100, 200)
    )
    assert twice - once > 0.015
    ends = [curve(*drawn(rng, 100)).iloc[-1] for _ in range(40)]
    assert np.mean([end["accuracy"] for end in ends]) == pytest.approx(twice, abs=0.03)
    assert np.mean([end["gain"] for end in ends]) == pytest.approx(twice - once, abs=0.01)
    covered = [end["gain_low"] <= twice - once <= end["gain_high"] for end in ends]
    assert np.mean(covered) >= 0.85


def test_photos_of_a_group_are_drawn_together():
    features, labels = drawn(np.random.default_rng(2), 120)
    alone, grouped = curve(features, labels), curve(features, labels, np.arange(120) // 12)
    widths = [table["ci_high"] - table["ci_low"] for table in (alone, grouped)]
    assert alone["accuracy"].tolist() == grouped["accuracy"].tolist()
    assert not np.allclose(*widths)


def test_too_few_photos_have_no_curve():
    features, labels = drawn(np.random.default_rng(3), 9)
    penalties = dict.fromkeys(range(3), 1.0)
    table = more_photos.curve(features, labels, np.arange(9), folded(labels, 3), penalties)
    assert table.empty
    (axes,) = selection.more_photos(table).axes
    assert axes.texts[0].get_text() == "too few photos for a learning curve"


def test_labels_without_information_gain_nothing():
    rng = np.random.default_rng(4)
    last = curve(rng.normal(size=(150, 30)), rng.permutation(np.arange(150) % 3)).iloc[-1]
    assert last["gain"] < 0.01
    assert 0 <= last["gain_low"] <= last["gain_high"]


def test_the_chosen_probe_is_drawn_or_the_most_accurate_one():
    probes = ["a_probe", ANSWER.equals[0].model, ANSWER.worse[0].model]
    assert more_photos.probe_of(ANSWER, [*probes, ANSWER.chosen]) == ANSWER.chosen
    assert more_photos.probe_of(ANSWER, probes) == ANSWER.equals[0].model


def test_the_figure_has_the_measured_and_the_expected_accuracies():
    table = curve(*drawn(np.random.default_rng(0), 120))
    table.insert(0, "model", "probe")
    (axes,) = selection.more_photos(table).axes
    assert axes.get_xlabel() == "training photos of probe"
    points = [line.get_xydata() for line in axes.lines if line.get_marker() == "o"]
    assert [len(of) for of in points] == [5, 1]
    assert points[1][0].tolist() == [240, 100 * table["accuracy"].iloc[-1]]
