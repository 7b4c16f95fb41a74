"""The paper's hypothesis tests: differences in accuracy between models over seeds.

They treat the seeds of a model as independent replicates. All seeds share one split of the photos,
so the tests generalise to other seeds on the same photos, not to other photos; for those see
`comparisons`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pingouin
from scipy import stats
from scipy.optimize import brentq

from stillact.evaluation.predictions import SAME

ANOVA_NUMBERS = ["f", "df1", "df2", "p", "partial_eta_squared", "ci_low", "ci_high", "power"]
CHECKS = ["check", "model", "statistic", "p"]
NO_TEST = (math.nan, math.nan)


@dataclass(frozen=True)
class Anova:
    """Analysis of variance of the mean accuracy over seeds.

    table: one row per test, "anova" (one-way) and "welch" (which does not assume equal variances):
        test, f, df1, df2, p; partial_eta_squared in [0, 1] (with one factor it is eta squared) and
        its 95 % interval ci_low, ci_high; power, achieved, at 5 %. Interval and power are the
        one-way analysis's.
    checks: its assumptions: check ("shapiro", normality of one model's accuracies; "levene", about
        the median, equal variances), model ('' for levene), statistic, p. A small p is evidence
        against the assumption; NaN with fewer than three runs.
    models: the models compared.
    note: which models are excluded and why, or why there is no analysis, in sentences; or ''.
    """

    table: pd.DataFrame
    checks: pd.DataFrame
    models: tuple[str, ...]
    note: str


def anova(runs: pd.DataFrame, models: Sequence[str], *, task: str, subset: str = "test") -> Anova:
    """One-way analysis of variance of accuracy over models, seeds of the holdout split as
    replicates.

    F = between-models mean square over within-models mean square (Fisher); and Welch's test
    ("On the comparison of several mean values", Biometrika 38, 1951). Both by pingouin. The
    interval of eta squared, L / (L + N), is that of F's noncentrality L, found by inverting the
    noncentral F distribution (Steiger, "Beyond the F test", Psychol. Methods 9, 2004); eta squared
    itself is biased upwards, so it lies in the upper part of its interval. The achieved power is a
    function of F alone and adds no information to p.

    A model without runs, with one run, or with the same accuracy for every seed (such as one
    without training) is excluded and named in the note; with fewer than two models left the
    tables are empty.

    Args:
        runs: task, model, split, seed, subset, accuracy.
        models, task, subset: which runs.
    """
    table = accuracies(runs, models, task=task, subset=subset)
    kept, notes = _varying(table)
    if len(kept) < 2:
        there = f"is one ({kept[0]})" if kept else "is none"
        notes.append(
            "There is no analysis of variance: it takes two models whose accuracy varies with the "
            f"seed, and here {there}."
        )
        empty = pd.DataFrame(columns=["test", *ANOVA_NUMBERS]), pd.DataFrame(columns=CHECKS)
        return Anova(*empty, (), " ".join(notes))
    long = table[kept].melt(var_name="model", value_name="accuracy").dropna()
    return Anova(_f_tests(long), _checks(long), tuple(kept), " ".join(notes))


def accuracies(
    runs: pd.DataFrame, models: Sequence[str], *, task: str, subset: str
) -> pd.DataFrame:
    """Accuracy on the holdout split: one row per seed, one column per model, NaN if missing."""
    which = (runs["task"] == task) & (runs["subset"] == subset) & (runs["split"] == "holdout")
    table = runs[which].pivot(index="seed", columns="model", values="accuracy")
    return table.reindex(columns=list(models))


def _varying(table: pd.DataFrame) -> tuple[list[str], list[str]]:
    """The models whose accuracy varies over seeds, and a note for each of the others."""
    kept, notes = [], []
    for model, values in table.items():
        values = values.dropna()
        if values.empty:
            notes.append(f"{model} has no run and is left out.")
        elif len(values) == 1:
            notes.append(f"{model} has a single run and is left out.")
        elif np.ptp(values) < SAME:
            notes.append(f"{model} is as accurate with every seed and is left out.")
        else:
            kept.append(model)
    return kept, notes


def _f_tests(long: pd.DataFrame) -> pd.DataFrame:
    """The rows of `Anova.table` from a table with columns model and accuracy."""
    names = {"F": "f", "ddof1": "df1", "ddof2": "df2", "p_unc": "p", "np2": "partial_eta_squared"}
    plain, welch = (
        test(data=long, dv="accuracy", between="model").iloc[0].rename(names).to_dict()
        for test in (pingouin.anova, pingouin.welch_anova)
    )
    models, runs = long["model"].nunique(), len(long)
    low, high = eta_squared_interval(plain["f"], plain["df1"], plain["df2"])
    power = pingouin.power_anova(
        eta_squared=plain["partial_eta_squared"], k=models, n=runs / models
    )
    rows = [
        {"test": "anova", **plain, "ci_low": low, "ci_high": high, "power": power},
        {"test": "welch", **welch},
    ]
    return pd.DataFrame(rows, columns=["test", *ANOVA_NUMBERS])


def _checks(long: pd.DataFrame) -> pd.DataFrame:
    """The rows of `Anova.checks` from a table with columns model and accuracy."""
    rows, runs = [], long.groupby("model", sort=False)["accuracy"]
    for model, values in runs:
        enough = len(values) > 2
        w, p = pingouin.normality(values).loc["accuracy", ["W", "pval"]] if enough else NO_TEST
        rows.append(("shapiro", model, w, p))
    if runs.size().min() > 2:
        levene = pingouin.homoscedasticity(long, dv="accuracy", group="model", method="levene")
        rows.append(("levene", "", *levene.loc["levene", ["W", "pval"]]))
    else:
        rows.append(("levene", "", *NO_TEST))
    return pd.DataFrame(rows, columns=CHECKS)


def eta_squared_interval(
    f: float, df1: float, df2: float, confidence: float = 0.95
) -> tuple[float, float]:
    """The confidence interval of eta squared, in [0, 1], from the F of a one-way analysis."""

    def noncentrality(probability: float) -> float:
        """The noncentrality at which F has this cumulative probability."""
        high = 1.0
        while stats.ncf.cdf(f, df1, df2, high) > probability:
            high *= 2
        if stats.f.cdf(f, df1, df2) <= probability:
            return 0.0
        return brentq(lambda nc: stats.ncf.cdf(f, df1, df2, nc) - probability, 0, high)

    tail, runs = (1 - confidence) / 2, df1 + df2 + 1
    low, high = noncentrality(1 - tail), noncentrality(tail)
    return low / (low + runs), high / (high + runs)


@dataclass(frozen=True)
class PairedTest:
    """Comparison of two models' accuracies on the same seeds.

    pairs: seeds in common. difference: of the means, a minus b, with its 95 % interval
    ci_low, ci_high. t, df, p: of the paired t-test, two-sided. cohen_d: |difference| over the root
    of the mean of the two variances (pingouin's). cohen_dz: |difference| over the standard
    deviation of the differences. power: achieved, from cohen_dz, at 5 %. note: what is missing and
    why, in sentences, or ''. Without a test the values are NaN.
    """

    model_a: str
    model_b: str
    pairs: int
    difference: float = math.nan
    ci_low: float = math.nan
    ci_high: float = math.nan
    t: float = math.nan
    df: float = math.nan
    p: float = math.nan
    cohen_d: float = math.nan
    cohen_dz: float = math.nan
    power: float = math.nan
    note: str = ""


def paired_t_test(
    runs: pd.DataFrame, model_a: str, model_b: str, *, task: str, subset: str = "test"
) -> PairedTest:
    """Student's paired t-test of two models' accuracies, seed by seed on the holdout split.

    t = mean of the differences over (their standard deviation / sqrt(seeds)), by pingouin. Seeds
    that are missing for one model are excluded and named. With fewer than two seeds in common, or
    where the difference is the same for every seed (t would be infinite), there is no test.

    Args:
        runs: task, model, split, seed, subset, accuracy.
        model_a, model_b: names of the models.
        task, subset: which runs.
    """
    table = accuracies(runs, [model_a, model_b], task=task, subset=subset).dropna(how="all")
    both = table.dropna()
    a, b = both[model_a].to_numpy(), both[model_b].to_numpy()
    notes = []
    if lacking := [str(seed) for seed in table.index.difference(both.index)]:
        word = "seed" if len(lacking) == 1 else "seeds"
        notes.append(f"Left out, as one of the two has no run: {word} {', '.join(lacking)}.")
    if len(both) < 2 or np.ptp(a - b) < SAME:
        notes.append(_no_t_test(len(both)))
        difference = float(np.mean(a - b)) if len(both) else math.nan
        return PairedTest(model_a, model_b, len(both), difference, note=" ".join(notes))
    notes += [
        f"{name} is as accurate with every seed, so that all variance is the other's."
        for name, values in ((model_a, a), (model_b, b))
        if np.ptp(values) < SAME
    ]
    test = pingouin.ttest(a, b, paired=True).iloc[0]
    dz = float(abs(test["T"])) / math.sqrt(len(both))
    # pingouin rounds its interval to two digits and computes the power from cohen_d, though that
    # of the paired test follows from dz.
    interval = stats.ttest_rel(a, b).confidence_interval(0.95)
    return PairedTest(
        model_a,
        model_b,
        len(both),
        float(np.mean(a - b)),
        *map(float, interval),
        t=float(test["T"]),
        df=float(test["dof"]),
        p=float(test["p_val"]),
        cohen_d=float(test["cohen_d"]),
        cohen_dz=dz,
        power=float(pingouin.power_ttest(d=dz, n=len(both), contrast="paired")),
        note=" ".join(notes),
    )


def _no_t_test(pairs: int) -> str:
    if pairs < 2:
        there = "is one" if pairs else "is none"
        return f"There is no t-test: it takes two seeds that both models have, and here {there}."
    return "There is no t-test: the difference is the same for every seed."


def format_p(p: float) -> str:
    """'p = 0.042', 'p < 0.001', or 'p unknown' (NaN)."""
    if math.isnan(p):
        return "p unknown"
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def paired_interval(only_a: int, only_b: int, images: int) -> tuple[float, float]:
    """The 95 % interval of the difference in accuracy of two models on the same images, a minus b:
    Wald's with half an image added to each of the four cells (Agresti and Min, Stat. Med. 24,
    2005), so that it has a width where no image tells the two apart.

    Args:
        only_a, only_b: images that only one of them classifies correctly.
        images: of both, at least 1.
    """
    a, b, n = only_a + 0.5, only_b + 0.5, images + 2
    difference, half = (a - b) / n, stats.norm.ppf(0.975) * math.sqrt(a + b - (a - b) ** 2 / n) / n
    return difference - half, difference + half
