"""Which models are shown, and on which photos."""

import pandas as pd
import pytest

from stillact.evaluation.shown import over, shown

ACCURACY = {"vit": 0.4, "clip_ic": 0.7, "cnn": 0.3, "clip_em": 0.6}


def pooled(folded=()) -> pd.DataFrame:
    rows = [
        (scheme, model, "accuracy", ACCURACY[model], photos, 5)
        for scheme, models, photos in (("holdout", ACCURACY, 29), ("cv", folded, 285))
        for model in models
    ]
    columns = ["scheme", "model", "metric", "value", "images", "runs"]
    table = pd.DataFrame(rows, columns=columns)
    return pd.concat([table, table.assign(metric="log_loss", value=-table["value"])])


@pytest.mark.parametrize(
    ("folded", "models"),
    [
        ([], ["clip_ic", "clip_em", "cnn"]),
        (["vit"], ["vit"]),
        (["vit", "clip_em", "cnn"], ["clip_em", "vit", "cnn"]),
    ],
)
def test_the_most_accurate_and_the_baselines_are_shown_out_of_fold_where_they_can_be(
    folded, models
):
    of = shown(pooled(folded), best=2, baselines=["cnn", "absent"])
    assert of.models == models
    assert (of.scheme, of.images) == (("cv", 285) if folded else ("holdout", 29))
    assert of.over.startswith("over 285 photos" if folded else "over 29 test photos")


def test_a_table_is_reduced_to_what_is_shown():
    of = shown(pooled(), best=2)
    assert set(of.of(pooled(["vit"]))["model"]) == {"clip_ic", "clip_em"}
    pairs = [("holdout", "clip_ic", "clip_em"), ("holdout", "vit", "clip_em")]
    pairs = pd.DataFrame([*pairs, ("cv", "clip_ic", "clip_em")])
    pairs.columns = ["scheme", "model_a", "model_b"]
    assert of.of_pairs(pairs).index.tolist() == [0]


@pytest.mark.parametrize(
    ("scheme", "runs", "expected"),
    [
        ("holdout", [5, 5], "over 29 test photos and 5 seeds"),
        ("holdout", [1, 5], "over 29 test photos and 1 to 5 seeds"),
        ("holdout", [1, 1], "over 29 test photos and 1 seed"),
        ("cv", [1, 5], "over 29 photos, each tested in its fold, 1 to 5 times"),
        ("cv", [1, 1], "over 29 photos, each tested in its fold, once"),
    ],
)
def test_photos_and_runs_are_described(scheme, runs, expected):
    table = pd.DataFrame({"images": [29, 29], "runs": runs})
    assert over(table, scheme) == expected
