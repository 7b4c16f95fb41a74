import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.oneway import anova_oneway
from statsmodels.stats.power import TTestPower

from stillact.evaluation import hypothesis_tests


def runs(table: dict[str, list[float]], **of) -> pd.DataFrame:
    """A runs table with seeds 0, 1, 2...; a None is a missing run."""
    names = {"task": "activity3", "split": "holdout", "subset": "test", "images": 29, **of}
    rows = [
        {**names, "model": model, "seed": seed, "accuracy": value}
        for model, values in table.items()
        for seed, value in enumerate(values)
        if value is not None
    ]
    return pd.DataFrame(rows)


SEEDS = {"vit": [0.52, 0.55, 0.48, 0.59, 0.55], "clip": [0.66, 0.72, 0.69, 0.66, 0.76]}
SEEDS["cnn"] = [0.38, 0.45, 0.41, 0.34, 0.48]


def analyse(table: dict[str, list[float]]) -> hypothesis_tests.Anova:
    return hypothesis_tests.anova(runs(table), list(table), task="activity3")


def test_the_anova_is_scipys_and_welchs_is_statsmodels():
    anova = analyse(SEEDS)
    assert anova.models == ("vit", "clip", "cnn")
    assert anova.note == ""
    plain, welch = anova.table.set_index("test").loc[["anova", "welch"]].to_dict("records")
    f, p = stats.f_oneway(*SEEDS.values())
    assert (plain["f"], plain["p"]) == pytest.approx((f, p))
    assert (plain["df1"], plain["df2"]) == (2, 12)
    reference = anova_oneway(list(SEEDS.values()), use_var="unequal")
    assert (welch["f"], welch["p"]) == pytest.approx((reference.statistic, reference.pvalue))
    assert (welch["df1"], welch["df2"]) == pytest.approx((2, reference.df_denom))
    values = np.array(list(SEEDS.values()))
    between = 5 * ((values.mean(1) - values.mean()) ** 2).sum()
    total = ((values - values.mean()) ** 2).sum()
    assert plain["partial_eta_squared"] == pytest.approx(between / total)


def test_the_assumptions_are_checked_as_by_scipy():
    checks = analyse(SEEDS).checks
    for model, values in SEEDS.items():
        (row,) = checks[checks["model"] == model].to_dict("records")
        assert (row["statistic"], row["p"]) == pytest.approx(tuple(stats.shapiro(values)))
    (levene,) = checks[checks["check"] == "levene"].to_dict("records")
    expected = tuple(stats.levene(*SEEDS.values()))
    assert (levene["statistic"], levene["p"]) == pytest.approx(expected)


def test_models_without_seed_variance_are_left_out_and_named():
    fixed = {"zero_shot": [0.5] * 5, "one_run": [0.7], "no_run": []}
    anova = hypothesis_tests.anova(runs(SEEDS | fixed), [*SEEDS, *fixed], task="activity3")
    assert anova.models == tuple(SEEDS)
    pd.testing.assert_frame_equal(anova.table, analyse(SEEDS).table)
    for said in ("zero_shot is as accurate with every seed", "one_run has a single run"):
        assert said in anova.note
    assert "no_run has no run" in anova.note


def test_models_with_missing_runs_count_as_often_as_they_ran():
    table = SEEDS | {"vit": [0.52, None, 0.48, 0.59, None]}
    plain = analyse(table).table.iloc[0]
    given = [[v for v in values if v is not None] for values in table.values()]
    assert plain["f"] == pytest.approx(stats.f_oneway(*given).statistic)
    assert plain["df2"] == 10


def test_the_power_is_the_noncentral_fs():
    table = {"vit": [0.52, 0.55, 0.48, 0.59, 0.55], "clip": [0.55, 0.52, None, 0.62, 0.55]}
    plain = analyse(table).table.iloc[0]
    assert 0.05 < plain["power"] < 0.5
    # the noncentrality is N eta^2 / (1 - eta^2), and eta^2 / (1 - eta^2) is F df1 / df2
    expected = stats.ncf.sf(stats.f.isf(0.05, 1, 7), 1, 7, 9 / 7 * plain["f"])
    assert plain["power"] == pytest.approx(expected)


def test_two_runs_a_model_leave_the_assumptions_unchecked():
    anova = analyse({name: values[:2] for name, values in SEEDS.items()})
    assert anova.table.iloc[0]["df2"] == 3
    assert anova.checks[["statistic", "p"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"vit": SEEDS["vit"]}, "here is one (vit)"),
        ({"vit": SEEDS["vit"], "zero_shot": [0.5] * 5}, "here is one (vit)"),
        ({"vit": [0.5], "clip": [0.6]}, "here is none"),
    ],
)
def test_fewer_than_two_models_are_no_analysis(table, said):
    anova = analyse(table)
    assert said in anova.note
    assert anova.table.empty
    assert anova.checks.empty
    assert anova.models == ()


def test_only_the_task_the_subset_and_the_holdout_split_count():
    other = {name: values[::-1] for name, values in SEEDS.items()}
    table = pd.concat(
        [
            runs(SEEDS),
            runs(other, task="sit_stand"),
            runs(other, subset="validation"),
            runs(other, split="cv_0_0"),
        ]
    )
    found = hypothesis_tests.anova(table, list(SEEDS), task="activity3").table
    pd.testing.assert_frame_equal(found, analyse(SEEDS).table)


def test_the_papers_f():
    """F = 23.4562 over seven models of five runs; it says p < .001."""
    assert stats.f.sf(23.4562, 6, 28) == pytest.approx(1.03e-9, rel=0.01)
    low, high = hypothesis_tests.eta_squared_interval(23.4562, 6, 28)
    assert 0 < low < 6 * 23.4562 / (6 * 23.4562 + 28) < high < 1
    for bound, probability in ((low, 0.975), (high, 0.025)):
        noncentrality = 35 * bound / (1 - bound)
        assert stats.ncf.cdf(23.4562, 6, 28, noncentrality) == pytest.approx(probability)


def test_the_interval_of_eta_squared_covers_it():
    rng = np.random.default_rng(0)
    means = np.array([0.0, 0.3, 0.6])
    truth = 10 * ((means - means.mean()) ** 2).sum()  # the noncentrality, of ten runs a model
    truth = truth / (truth + 30)
    intervals = [
        hypothesis_tests.eta_squared_interval(stats.f_oneway(*values).statistic, 2, 27)
        for values in rng.normal(means[:, None], 1, size=(400, 3, 10))
    ]
    assert 0.92 <= np.mean([low <= truth <= high for low, high in intervals]) <= 0.98


def test_an_f_below_what_chance_gives_has_an_interval_from_zero():
    assert hypothesis_tests.eta_squared_interval(0.5, 2, 12)[0] == 0
    assert hypothesis_tests.eta_squared_interval(0.001, 2, 12) == (0, 0)


def paired(a: list[float], b: list[float]) -> hypothesis_tests.PairedTest:
    return hypothesis_tests.paired_t_test(runs({"a": a, "b": b}), "a", "b", task="activity3")


def test_the_paired_t_test_is_scipys():
    test = paired(SEEDS["vit"], SEEDS["cnn"])
    reference = stats.ttest_rel(SEEDS["vit"], SEEDS["cnn"])
    interval = reference.confidence_interval()
    assert (test.t, test.df, test.p) == pytest.approx((reference.statistic, 4, reference.pvalue))
    assert (test.ci_low, test.ci_high) == pytest.approx((interval.low, interval.high))
    difference = np.subtract(SEEDS["vit"], SEEDS["cnn"])
    assert test.difference == pytest.approx(difference.mean())
    assert test.cohen_dz == pytest.approx(difference.mean() / difference.std(ddof=1))
    variances = [np.var(SEEDS[name], ddof=1) for name in ("vit", "cnn")]
    assert test.cohen_d == pytest.approx(difference.mean() / np.sqrt(np.mean(variances)))
    assert test.power == pytest.approx(TTestPower().power(test.cohen_dz, 5, 0.05))
    assert (test.pairs, test.note) == (5, "")


def test_the_papers_t():
    """t = 1.4505 of five seeds: it says p = .2205, and had about 20 % power."""
    differences = np.array([-2.0, -1, 0, 1, 2])
    differences += 1.4505 * stats.sem(differences)
    test = paired((0.5 + 0.01 * differences).tolist(), [0.5] * 5)
    assert test.t == pytest.approx(1.4505)
    assert test.df == 4
    assert round(test.p, 4) == 0.2205
    assert test.power == pytest.approx(0.20, abs=0.005)
    assert "b is as accurate with every seed" in test.note


@pytest.mark.parametrize(
    ("a", "b", "difference", "said"),
    [
        ([0.4, 0.5, 0.6], [0.4, 0.5, 0.6], 0, "the same for every seed"),
        ([0.5, 0.6, 0.7], [0.4, 0.5, 0.6], 0.1, "the same for every seed"),
        ([0.5] * 5, [0.4] * 5, 0.1, "the same for every seed"),
        ([0.5], [0.4], 0.1, "here is one"),
        ([0.5, None], [None, 0.4], math.nan, "here is none"),
        ([0.5, 0.6], [], math.nan, "here is none"),
    ],
)
def test_no_t_test_is_said_and_never_infinite(a, b, difference, said):
    test = paired(a, b)
    assert said in test.note
    assert test.difference == pytest.approx(difference, nan_ok=True)
    numbers = [test.t, test.df, test.p, test.ci_low, test.ci_high, test.cohen_d, test.power]
    assert np.isnan(numbers).all()


def test_seeds_that_one_model_lacks_are_left_out_and_named():
    test = paired([0.5, None, 0.7, 0.6, 0.9], [0.4, 0.3, 0.5, 0.6, None])
    assert "Left out, as one of the two has no run: seeds 1, 4." in test.note
    assert test.t == pytest.approx(stats.ttest_rel([0.5, 0.7, 0.6], [0.4, 0.5, 0.6]).statistic)
    assert test.pairs == 3


def test_the_interval_of_a_paired_difference():
    """(b - c) / n with half an image more in each cell: 16 of 102 against 6 of 102."""
    low, high = hypothesis_tests.paired_interval(15, 5, 100)
    half = 1.959964 * np.sqrt(21 - 10**2 / 102) / 102
    assert (low, high) == pytest.approx((10 / 102 - half, 10 / 102 + half))
    assert hypothesis_tests.paired_interval(5, 15, 100) == pytest.approx((-high, -low))
    low, high = hypothesis_tests.paired_interval(0, 0, 29)
    assert -low == high > 0.06
