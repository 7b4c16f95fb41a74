"""Verdicts on claims about models, from their runs and predictions.

A difference between two models has two sources of variance, training and photos. Both are tested at
the 5 % level: over paired seeds of the holdout (Student's t), and over the photos that only one of
the two classifies correctly by the majority vote of its runs (McNemar's exact test). Where all
models of a claim have been cross-validated, the folds replace the seeds (Nadeau and Bengio's
corrected t-test) and all photos replace the test photos; the two schemes are never mixed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from stillact.core.runs import FOLD
from stillact.core.text_tables import figures
from stillact.evaluation import comparisons, hypothesis_tests
from stillact.evaluation.hypothesis_tests import format_p, paired_interval
from stillact.evaluation.metrics import METRICS
from stillact.evaluation.predictions import SAME, Predictions, by_model, rows_of
from stillact.evaluation.proportions import LEVEL

SUPPORTED, NOT_SUPPORTED, UNDECIDED = "supported", "not supported", "undecided"
MARGIN = 0.05  # equivalence margin, in accuracy
RESAMPLES = 2000

Found = tuple[str, str]  # a verdict and its evidence
Numbers = tuple[float, float, float, float]  # a difference, its interval, and its p
UNKNOWN: Numbers = (math.nan, math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class Results:
    """The results that claims are about: runs.csv, the predictions of a task, and which of them."""

    runs: pd.DataFrame
    predictions: pd.DataFrame
    task: str
    subset: str

    def scheme(self, models: Sequence[str]) -> str:
        """ "cv" where all models have been cross-validated; validation is of the holdout alone."""
        folds = rows_of(self.predictions, scheme="cv", subset=self.subset)
        return "cv" if {*models} <= {*folds["model"]} and self.subset == "test" else "holdout"


@dataclass(frozen=True)
class Difference:
    """The accuracy of one model minus that of another over seeds or folds, with its 95 % interval
    and p, and the photos that only one of them classifies correctly. Unknown values are NaN.

    A difference that is the same with every seed or in every fold has no t; its interval has zero
    width, and p is set to 0, or to 1 if it is 0.
    """

    value: float
    low: float
    high: float
    p: float
    text: str
    only_a: int
    only_b: int
    photos: int
    mcnemar: float

    @property
    def sides(self) -> tuple[int, int]:
        """The signs of the difference over seeds or folds and over photos where its test is
        significant, else 0."""
        return _side(self.value, self.p), _side(self.only_a - self.only_b, self.mcnemar)


def better(results: Results, models: Sequence[str]) -> list[Found]:
    """The first model outperforms each of the others: supported if both tests favour it, not
    supported if both favour the other, undecided otherwise."""
    first, scheme, found = models[0], results.scheme(models), []
    for other in models[1:]:
        difference = _difference(results, first, other, scheme)
        verdict = {(1, 1): SUPPORTED, (-1, -1): NOT_SUPPORTED}.get(difference.sides, UNDECIDED)
        found.append((verdict, difference.text))
    return found


def same(results: Results, models: Sequence[str]) -> list[Found]:
    """Two models do not differ: supported if the 95 % intervals of the difference over seeds or
    folds and over photos both lie within the margin, not supported if both tests show the same
    difference, undecided otherwise. A test that is not significant is no evidence of equality."""
    one, other = models
    difference = _difference(results, one, other, results.scheme(models))
    over_photos = paired_interval(difference.only_a, difference.only_b, difference.photos)
    ends = (difference.low, difference.high, *over_photos)
    low, high = (_points(end, "") for end in over_photos)
    text = f"{difference.text}; 95 % interval over photos {low} to {high} points"
    if difference.sides in ((1, 1), (-1, -1)):
        return [(NOT_SUPPORTED, text)]
    equal = all(abs(end) <= MARGIN for end in ends)  # NaN is not
    return [(SUPPORTED if equal else UNDECIDED, text)]


def differ(results: Results, name: str, models: Sequence[str]) -> Found:
    """The models differ: supported if the one-way analysis of variance and Welch's both give
    p < 0.05, undecided otherwise, as neither can show that models are equal."""
    of = {"task": results.task, "subset": results.subset}
    found = hypothesis_tests.anova(results.runs, models, **of)
    if found.table.empty:
        return UNDECIDED, f"{name}: {found.note.removesuffix('.')}"
    tests = found.table.set_index("test")
    told = [
        f"{test} F({row['df1']:.4g}, {row['df2']:.4g}) = {row['f']:.2f}, {format_p(row['p'])}"
        for test, row in (("F-test", tests.loc["anova"]), ("Welch's", tests.loc["welch"]))
    ]
    runs = int(tests.loc["anova", ["df1", "df2"]].sum()) + 1
    note = f" ({found.note.removesuffix('.')})" if found.note else ""
    text = f"{name}: {', '.join(told)}, over {runs} seeds of {len(found.models)} models{note}"
    return SUPPORTED if (tests["p"] < LEVEL).all() else UNDECIDED, text


def better_by_each(results: Results, models: Sequence[str]) -> list[Found]:
    """One model outperforms another by accuracy and by macro precision, recall and F1: for each
    metric, the t-test over seeds or folds, and the 95 % bootstrap interval over photos, which takes
    the place of McNemar's test; verdicts as in `better`."""
    scheme = results.scheme(models)
    given = by_model(results.predictions, scheme=scheme, subset=results.subset)
    one, other = (_resampled(given[model]) for model in models)
    found = []
    for place, metric in enumerate(METRICS):
        value, p, units = _over_units(results, models, metric, scheme)
        low, high = np.percentile(one[place] - other[place], [2.5, 97.5])
        sides = _side(value, p), int(low > SAME) - int(high < -SAME)
        verdict = {(1, 1): SUPPORTED, (-1, -1): NOT_SUPPORTED}.get(sides, UNDECIDED)
        text = (
            f"{metric.replace('f1', 'F1')} {_points(value)} over {units} ({format_p(p)}), 95 % "
            f"interval over photos {_points(low, '')} to {_points(high, '')}"
        )
        found.append((verdict, f"{' minus '.join(models)}: {text}" if place == 0 else text))
    return found


def _difference(results: Results, a: str, b: str, scheme: str) -> Difference:
    rows = results.predictions[results.predictions["model"].isin([a, b])]
    row = comparisons.pairs(rows, [a, b], scheme=scheme, subset=results.subset).iloc[0]
    of = {"task": results.task, "subset": results.subset}
    if scheme == "cv":
        photos, seen = "photos", _over_folds(row)
    else:
        test = hypothesis_tests.paired_t_test(results.runs, a, b, **of)
        photos, seen = f"{results.subset} photos", _over_seeds(test)
    (value, low, high, p), text = seen
    alone = float(row["mcnemar_b"]), float(row["mcnemar_c"])
    only_a, only_b = map(figures, alone)
    told = (
        f"{a} minus {b}: {text}, and of {row['images']} {photos} {only_a} are right by a "
        f"run of {a} alone, {only_b} by one of {b} alone "
        f"(paired {format_p(row['mcnemar_p'])})"
    )
    return Difference(value, low, high, p, told, *alone, int(row["images"]), row["mcnemar_p"])


def _side(difference: float, p: float) -> int:
    """The sign of the difference where the test is significant, else 0."""
    return int(math.copysign(1, difference)) if p < LEVEL else 0


def _over_seeds(test: hypothesis_tests.PairedTest) -> tuple[Numbers, str]:
    """Difference, interval, p, and a description."""
    if test.pairs == 0:
        return UNKNOWN, "no seed in common"
    value, points = test.difference, _points(test.difference)
    if test.pairs == 1:
        return (value, *UNKNOWN[1:]), f"{points} with one seed (no interval)"
    if math.isnan(test.p):
        return _constant(value, f"{points} with each of {test.pairs} seeds")
    interval = f"95 % interval {_points(test.ci_low, '')} to {_points(test.ci_high, '')}"
    t = f"t({test.df:.0f}) = {test.t:.3f}, {format_p(test.p)}".replace("-", "−")
    text = f"{points} over {test.pairs} seeds ({interval}, {t})"
    return (value, test.ci_low, test.ci_high, test.p), text


def _over_folds(row: pd.Series) -> tuple[Numbers, str]:
    """As `_over_seeds`, from a row of `comparisons.pairs`."""
    if row["folds"] < 2:
        return UNKNOWN, f"{row['folds']} folds in common"
    value, points = row["difference"], _points(row["difference"])
    if math.isnan(row["t"]):
        return _constant(value, f"{points} in each of {row['folds']} folds")
    half = stats.t.ppf(0.975, row["df"]) * abs(value / row["t"]) if row["t"] else math.nan
    text = f"{points} over {row['folds']} folds (corrected t-test's {format_p(row['p'])})"
    return (value, value - half, value + half, row["p"]), text


def _constant(value: float, text: str) -> tuple[Numbers, str]:
    return (value, value, value, float(abs(value) < SAME)), text


def _over_units(
    results: Results, models: Sequence[str], metric: str, scheme: str
) -> tuple[float, float, str]:
    """The difference of a metric over seeds of the holdout, or over folds: its mean, p, and what it
    is over."""
    runs = results.runs.query("task == @results.task and subset == @results.subset")
    on_holdout, unit = runs["split"] == "holdout", "seed" if scheme == "holdout" else "split"
    runs = runs[on_holdout if scheme == "holdout" else ~on_holdout]
    table = runs.pivot_table(metric, index=unit, columns="model")
    differences = (table[models[0]] - table[models[1]]).dropna().to_numpy()
    share = 0.0
    if scheme == "cv":
        folds = results.predictions["split"].str.extract(f"^{FOLD}$")["fold"].nunique()
        share = 1 / (folds - 1)
    value = float(differences.mean()) if len(differences) else math.nan
    p = comparisons.corrected_t_test(differences, share)[2]
    if math.isnan(p) and len(differences) > 1:
        p = 0.0  # the same difference, not 0, with every seed or in every fold
    return value, p, f"{len(differences)} {'seeds' if scheme == 'holdout' else 'folds'}"


def _resampled(given: Predictions) -> np.ndarray:
    """(metrics, resamples): `METRICS` on photos drawn with replacement, the same photos for all
    models, as means over the runs; a class without prediction has precision 0."""
    photos = len(given.labels)
    draws = np.random.default_rng(0).multinomial(photos, np.full(photos, 1 / photos), RESAMPLES)
    judged, answers = given.judged.astype(float), given.predicted
    precision, recall, f1 = [], [], []
    for code in range(len(given.classes)):
        true, claimed = judged * (given.labels == code), (answers == code).astype(float)
        hits, trues, claims = (draws @ of.T for of in (true * claimed, true, claimed))
        precision.append(hits / np.maximum(claims, 1))
        recall.append(hits / np.maximum(trues, 1))
        f1.append(2 * hits / np.maximum(trues + claims, 1))
    right = draws @ (judged * (answers == given.labels)).T / np.maximum(draws @ judged.T, 1)
    scores = (right, *(np.mean(of, axis=0) for of in (precision, recall, f1)))
    return np.array([score.mean(axis=1) for score in scores])


def _points(difference: float, unit: str = " points") -> str:
    return f"{100 * difference:+.1f}{unit}".replace("-", "−")
