from pathlib import Path

import pandas as pd
import pytest

from stillact import paper
from stillact.tables import read_csv

RESULTS = Path(__file__).parents[2] / "data/paper_results.csv"


@pytest.fixture(scope="module")
def reported():
    return read_csv(RESULTS)


def test_reported_is_one_table_or_all_of_a_task_and_subset(reported):
    of = {"task": "activity3", "subset": "test"}
    assert paper.reported(reported, 4, **of)["model"].tolist() == ["cnn_gen", "cnn_base"]
    assert paper.reported(reported, None, **of)["table"].unique().tolist() == [2, 4, 6, 7]
    assert paper.reported(reported, 3, **of).empty


def summary_of(*rows):
    """summary.csv of (model, subset, runs, mean accuracy); the other metrics are 0.1 below."""
    table = []
    for model, subset, runs, mean in rows:
        for metric in paper.METRICS:
            value = mean if metric == "accuracy" else mean - 0.1
            spread = (0.02, value - 0.05, value + 0.05) if runs > 1 else (None, None, None)
            table.append(("activity3", model, "holdout", subset, metric, runs, value, *spread))
    columns = [
        "task",
        "model",
        "split",
        "subset",
        "metric",
        "runs",
        "mean",
        "sd",
        "ci_low",
        "ci_high",
    ]
    return pd.DataFrame(table, columns=columns)


def test_the_figures_fit_counts_of_right_answers(reported):
    """Single runs on 29 or 20 photos, and the mean of five runs on 29, give multiples of these."""
    photos = reported["table"].map({2: 145, 3: 29, 4: 29, 5: 20, 6: 29, 7: 29})
    right = reported["accuracy"] * photos
    assert ((right - right.round()).abs() < 0.02).all()
    assert reported["table"].value_counts().to_dict() == {2: 2, 3: 10, 4: 2, 5: 3, 6: 2, 7: 1}


def test_compare_sets_ours_beside_the_papers(reported):
    summary = summary_of(("fnn_base", "test", 5, 0.4), ("cnn_base", "test", 5, 0.5))
    rows = {"fnn_base": "fnn_base", "cnn_base": "cnn_base"}
    table = paper.compare(
        summary, reported[reported["table"] == 2], rows, task="activity3", subset="test"
    )
    assert table.columns[:2].tolist() == ["model", "runs"]
    assert table["model"].tolist() == ["cnn_base", "fnn_base"]
    best = table.iloc[0]
    assert (best["accuracy_mean"], best["accuracy_paper"]) == (0.5, 0.3862)
    assert (best["f1_mean"], best["f1_paper"]) == (0.4, 0.3910)
    assert best["recall_ci_low"] == pytest.approx(0.35)
    assert best["runs"] == 5


def test_each_table_has_its_own_figure_of_a_model(reported):
    summary = summary_of(("cnn_base", "test", 5, 0.5))
    accuracy = [
        paper.compare(summary, which, {"cnn_base": "cnn_base"}, task="activity3", subset="test")[
            "accuracy_paper"
        ].item()
        for which in (reported[reported["table"] == 4], reported)
    ]
    assert accuracy == [0.3793, 0.3862]


def test_augmentations_keep_their_names_and_new_ones_have_no_paper_figure(reported):
    summary = summary_of(
        ("cnn_base_none", "validation", 5, 0.3),
        ("cnn_base_cutout", "validation", 1, 0.4),
        ("cnn_base_cutout", "test", 1, 0.9),
    )
    table = paper.compare(
        summary,
        reported[reported["table"] == 3],
        {"none": "cnn_base_none", "cutout": "cnn_base_cutout", "rotation": "cnn_base_rotation"},
        task="activity3",
        subset="validation",
        name="augmentation",
    )
    assert table["augmentation"].tolist() == ["cutout", "none"]  # rotation was not trained
    assert table["accuracy_mean"].tolist() == [0.4, 0.3]
    assert table["accuracy_paper"].isna().tolist() == [True, False]
    assert table["accuracy_sd"].isna().tolist() == [True, False]


def test_nothing_in_common_is_an_empty_table_with_its_columns(reported):
    table = paper.compare(
        summary_of(("vit", "test", 5, 0.5)), reported, {"clip": "clip"}, task="t", subset="test"
    )
    assert table.empty
    assert "f1_paper" in table


def test_seed_accuracies_are_of_one_task_split_and_subset():
    columns = ["task", "model", "split", "seed", "subset", "accuracy"]
    runs = pd.DataFrame(
        [
            ("activity3", "a", "holdout", 0, "test", 0.5),
            ("activity3", "a", "holdout", 1, "test", 0.6),
            ("activity3", "a", "holdout", 0, "validation", 0.1),
            ("activity3", "a", "kfold_0_0", 0, "test", 0.2),
            ("sit_stand", "a", "holdout", 0, "test", 0.3),
        ],
        columns=columns,
    )
    found = paper.seed_accuracies(runs, {"shown": "a", "b": "b"}, task="activity3", subset="test")
    assert found == {"shown": [0.5, 0.6], "b": []}
