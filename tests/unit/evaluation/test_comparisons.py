import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from stillact.evaluation import comparisons
from stillact.evaluation.predictions import Predictions

CLASSES = ["sitting", "standing"]
IMAGES, FOLDS, REPEATS = 60, 5, 3


def table(right: dict[str, np.ndarray], seed: int = 0) -> pd.DataFrame:
    """Cross-validated predictions of right[model], (repeats, images) of bool."""
    labels = np.array(CLASSES)[np.arange(IMAGES) % 2]
    frames = []
    for model, repeats in right.items():
        for repeat, answers in enumerate(repeats):
            fold = np.random.default_rng(repeat).permutation(np.arange(IMAGES) % FOLDS)
            names = {"task": "sit_stand", "model": model, "seed": seed, "subset": "test"}
            frame = pd.DataFrame({**names, "split": [f"cv_{repeat}_{f}" for f in fold]})
            frame["image_id"] = [f"{i:03}" for i in range(IMAGES)]
            frame["label"] = labels
            sitting = (labels == "sitting") == answers
            frame["prob_sitting"] = np.where(sitting, 0.8, 0.2)
            frame["prob_standing"] = 1 - frame["prob_sitting"]
            frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def answered(*rates: float) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    names = "abcdefgh"
    return {names[i]: rng.random((REPEATS, IMAGES)) < rate for i, rate in enumerate(rates)}


def pair(right: dict[str, np.ndarray], **of) -> dict:
    (row,) = comparisons.pairs(table(right), ["a", "b"], **of).to_dict("records")
    return row


def test_the_corrected_t_test_by_hand():
    # mean 2, variance (4 + 0 + 4) / 2 = 4; t = 2 / sqrt((1/3 + 1/2) 4) = 1.0954
    t, df, p = comparisons.corrected_t_test(np.array([0.0, 2, 4]), 1 / 2)
    assert t == pytest.approx(2 / math.sqrt(10 / 3))
    assert df == 2
    assert p == pytest.approx(1 - t / math.sqrt(2 + t**2))  # Student's distribution for df = 2


def test_without_correction_it_is_students():
    differences = np.random.default_rng(0).normal(0.02, 0.05, 20)
    reference = stats.ttest_1samp(differences, 0)
    found = comparisons.corrected_t_test(differences, 0)
    assert found == pytest.approx((reference.statistic, 19, reference.pvalue))


def test_the_correction_lowers_t_by_the_known_factor():
    differences = np.random.default_rng(0).normal(0.02, 0.05, 50)
    plain, corrected = (comparisons.corrected_t_test(differences, x)[0] for x in (0, 1 / 9))
    assert plain / corrected == pytest.approx(math.sqrt((1 / 50 + 1 / 9) * 50))


@pytest.mark.parametrize(
    ("differences", "t", "df", "p"),
    [
        ([0.0] * 5, math.nan, 4, 1),
        ([0.1] * 5, math.nan, 4, math.nan),
        ([0.1], math.nan, 0, math.nan),
        ([], math.nan, -1, math.nan),
    ],
)
def test_a_t_test_without_variance_is_never_infinite(differences, t, df, p):
    found = comparisons.corrected_t_test(np.array(differences), 1 / 9)
    assert found == pytest.approx((t, df, p), nan_ok=True)


@pytest.mark.parametrize(("b", "c"), [(7, 2), (2, 7), (12, 30), (1, 0), (5, 5)])
def test_mcnemar_is_statsmodels_exact(b, c):
    reference = mcnemar([[20, b], [c, 10]], exact=True).pvalue
    assert comparisons.mcnemar(b, c) == pytest.approx(reference)
    if b == 7:
        assert comparisons.mcnemar(b, c) == pytest.approx(2 * (1 + 9 + 36) / 2**9)


def test_mcnemar_without_a_discordant_image():
    assert comparisons.mcnemar(0, 0) == 1


def test_the_probability_of_improvement():
    a = [np.array([0.5, 0.7]), np.array([0.9])]
    b = [np.array([0.6, 0.7]), np.array([0.8])]
    # split 1: .5 loses twice, .7 wins once and ties once: (1 + .5) / 4; split 2: 1
    assert comparisons.probability_of_improvement(a, b) == pytest.approx((1.5 / 4 + 1) / 2)
    assert comparisons.probability_of_improvement(b, a) == pytest.approx((2.5 / 4 + 0) / 2)
    x, y = np.random.default_rng(0).normal(size=(2, 30))
    u = stats.mannwhitneyu(x, y).statistic / 900
    assert comparisons.probability_of_improvement([x], [y]) == pytest.approx(u)


def test_holms_p_is_statsmodels_and_passes_over_what_has_none():
    p = pd.Series([0.01, math.nan, 0.04, 0.03])
    assert comparisons.holm(p).tolist() == pytest.approx([0.03, math.nan, 0.06, 0.06], nan_ok=True)
    assert comparisons.holm(pd.Series([math.nan])).isna().all()
    assert comparisons.holm(pd.Series([], dtype=float)).empty


def both_ways(right):
    return (right["a"], right["b"]), (right["b"], right["a"])


def flipped(differences: np.ndarray) -> float:
    """The p of the sign-flip test of the mean, from random signs."""
    signs = np.random.default_rng(0).choice([-1, 1], (20_000, len(differences)))
    return np.mean(np.abs(signs @ differences) >= abs(differences.sum()) - 1e-9)


def test_the_paired_test_of_single_runs_is_mcnemars():
    rng = np.random.default_rng(0)
    for _ in range(20):
        differences = rng.choice([-1, 0, 0, 1, 1], 40)
        only = (differences == 1).sum(), (differences == -1).sum()
        found = comparisons.paired(differences.astype(float), np.arange(40))
        assert found == pytest.approx(comparisons.mcnemar(*map(int, only)))


@pytest.mark.parametrize("runs", [1, 3, 5])
def test_the_paired_test_of_groups_flips_whole_groups(runs):
    rng = np.random.default_rng(runs)
    differences = (rng.integers(-runs, runs + 1, 60) + 0.3 * runs).round() / runs
    clusters = np.repeat(np.arange(15), 4)
    sums = np.bincount(clusters, differences)
    assert comparisons.paired(differences, clusters) == pytest.approx(flipped(sums), abs=0.015)
    assert comparisons.paired(-differences, clusters) == comparisons.paired(differences, clusters)


def test_the_paired_test_holds_its_level_where_photos_are_grouped():
    rng, rejected = np.random.default_rng(0), 0
    clusters = np.repeat(np.arange(60), 5)
    for _ in range(200):
        difference = np.repeat(rng.choice([-1.0, 0.0, 1.0], 60), 5) * (rng.random(300) < 0.7)
        rejected += comparisons.paired(difference, clusters) <= 0.05
    assert rejected <= 0.09 * 200


def test_without_a_difference_the_paired_test_has_p_one():
    assert comparisons.paired(np.zeros(5), np.arange(5)) == 1


def test_many_groups_have_nearly_the_same_p(monkeypatch):
    differences = np.random.default_rng(2).choice([-1.0, 0.0, 1.0], 300, p=[0.2, 0.5, 0.3])
    exact = comparisons.paired(differences, np.arange(300))
    monkeypatch.setattr(comparisons, "EXACT", 10)
    assert comparisons.paired(differences, np.arange(300)) == pytest.approx(exact, rel=0.2)


def test_a_pair_from_its_table():
    right = answered(0.8, 0.6)
    row = pair(right)
    frame = table(right)
    hit = frame["label"] == np.where(frame["prob_sitting"] > 0.5, "sitting", "standing")
    accuracy = hit.groupby([frame["split"], frame["model"]]).mean().unstack()
    differences = accuracy["a"] - accuracy["b"]
    assert (row["folds"], row["images"], row["df"]) == (15, 60, 14)
    scale = math.sqrt((1 / 15 + 1 / 4) * differences.var())
    assert row["t"] == pytest.approx(differences.mean() / scale)
    assert row["p"] == row["p_holm"] == pytest.approx(2 * stats.t.sf(row["t"], 14))
    share = (differences > 0).mean() + (differences == 0).mean() / 2
    assert row["probability_of_improvement"] == pytest.approx(share)
    # a run of each, not the vote of its three: every pair of runs counts
    only = [
        np.mean([(x & ~y).sum() for x in one for y in other]) for one, other in both_ways(right)
    ]
    assert (row["mcnemar_b"], row["mcnemar_c"]) == (pytest.approx(only[0]), pytest.approx(only[1]))
    per_image = right["a"].mean(0) - right["b"].mean(0)
    assert row["difference"] == pytest.approx(per_image.mean())
    runs = zip(right["a"], right["b"], strict=True)
    each = [comparisons.mcnemar((x & ~y).sum(), (~x & y).sum()) for x, y in runs]
    assert row["mcnemar_p"] == pytest.approx(np.median(each))
    spread = per_image.std() / math.sqrt(len(per_image))
    assert row["ci_high"] - row["ci_low"] == pytest.approx(2 * 1.96 * spread, rel=0.15)
    assert row["note"] == ""


def test_all_pairs_are_adjusted_together():
    right = answered(0.9, 0.7, 0.5)
    frame = comparisons.pairs(table(right), ["c", "a", "b", "unknown"])
    names = list(zip(frame["model_a"], frame["model_b"], strict=True))
    assert names == [("c", "a"), ("c", "b"), ("a", "b")]
    for p in ("p", "mcnemar_p"):
        adjusted = multipletests(frame[p], method="holm")[1]
        assert frame[f"{p}_holm"].tolist() == pytest.approx(adjusted.tolist())


def test_two_identical_models_do_not_differ():
    right = answered(0.7)
    row = pair(right | {"b": right["a"]})
    assert (row["difference"], row["p"], row["mcnemar_p"]) == (0, 1, 1)
    assert math.isnan(row["t"])
    assert row["probability_of_improvement"] == 0.5
    assert row["note"] == "the same difference in every fold: no t"


def test_a_difference_that_is_the_same_in_every_fold_has_no_t():
    all_right = {"a": np.ones((1, IMAGES), bool), "b": np.zeros((1, IMAGES), bool)}
    row = pair(all_right)
    assert row["difference"] == 1
    assert math.isnan(row["t"])
    assert math.isnan(row["p"])
    assert row["mcnemar_p"] == pytest.approx(2 / 2**60)


def test_one_model_or_none_is_an_empty_table():
    frame = table(answered(0.7))
    for models in (["a"], ["a", "b"], []):
        found = comparisons.pairs(frame, models)
        assert found.empty
        assert {"p_holm", "mcnemar_p_holm", "note"} <= set(found.columns)


def test_only_folds_and_images_of_both_are_compared():
    right = answered(0.8, 0.6)
    whole = table(right)
    lacks = (whole["model"] == "b") & (whole["split"] == "cv_2_4")
    (row,) = comparisons.pairs(whole[~lacks], ["a", "b"]).to_dict("records")
    assert (row["folds"], row["images"], row["df"]) == (14, 60, 13)
    of_one_repeat = whole[whole["split"].str.startswith("cv_0") & ~whole["split"].eq("cv_0_4")]
    kept = pd.concat([whole[whole["model"] == "a"], of_one_repeat[of_one_repeat["model"] == "b"]])
    (row,) = comparisons.pairs(kept, ["a", "b"]).to_dict("records")
    assert (row["folds"], row["images"]) == (4, 48)
    apart = whole[(whole["model"] == "a") == whole["split"].str.endswith("0")]
    (row,) = comparisons.pairs(apart, ["a", "b"]).to_dict("records")
    assert row["folds"] == 0
    assert row["note"] == "the two have no fold in common"


def test_seeds_of_a_fold_are_averaged():
    first, second = answered(0.8, 0.6), answered(0.5, 0.6)
    row = comparisons.pairs(pd.concat([table(first), table(second, seed=1)]), ["a", "b"]).to_dict(
        "records"
    )[0]
    means = [pair(first)["difference"], pair(second)["difference"]]
    assert row["difference"] == pytest.approx(np.mean(means))
    assert row["folds"] == 15


def test_the_holdout_split_has_votes_and_no_t_test():
    right = answered(0.8, 0.6)
    frame = table(right)
    frame["seed"] = frame["split"].str.extract(r"cv_(\d)_")[0].astype(int)
    holdout = frame.assign(split="holdout")
    (row,) = comparisons.pairs(holdout, ["a", "b"], scheme="holdout").to_dict("records")
    folded = pair(right)
    for same in ("images", "mcnemar_b", "mcnemar_c", "mcnemar_p"):
        assert row[same] == folded[same]
    assert row["folds"] == 1
    assert np.isnan([row["t"], row["df"], row["p"], row["p_holm"]]).all()
    assert row["note"] == "one split alone: no t-test over folds"
    a, b = (runs.mean(1) for runs in right.values())
    share = np.mean([(x > y) + 0.5 * (x == y) for x in a for y in b])
    assert row["probability_of_improvement"] == pytest.approx(share)


def test_a_tie_of_votes_goes_to_the_surer_class():
    probabilities = np.array(
        [
            [[0.9, 0.1], [0.6, 0.4], [np.nan] * 2, [0.6, 0.4]],
            [[0.4, 0.6], [0.1, 0.9], [np.nan] * 2, [np.nan] * 2],
        ]
    )
    given = Predictions(np.arange(4), CLASSES, np.zeros(4, int), probabilities)
    assert comparisons.votes(given).tolist() == [0, 1, -1, 0]
