"""The paper's claims, each with a verdict of this study: supported, not supported or undecided.

There are three kinds of claim.

better: one model outperforms others. Both sources of variance, training and photos, are tested at
the 5 % level: the difference in accuracy over paired seeds (Student's t; the 95 % interval excludes
0), and the photos that only one of the two classifies correctly by the majority vote of its runs
(McNemar's exact test). Supported if both tests favour the claim, not supported if both contradict
it, undecided otherwise: a result that other seeds or other photos could reverse is not a finding.
Where all models of the claim have been cross-validated, the folds replace the seeds (Nadeau and
Bengio's corrected t-test) and all photos replace the test photos; the two schemes are never mixed.
The claim has to hold against each of the others, and fails if it fails against one. Requiring all
of them at 5 % each keeps the overall level at 5 % (intersection-union test: Berger, Technometrics
24, 1982).

differ: supported if the one-way analysis of variance and Welch's both give p < 0.05, undecided
otherwise, as neither can show that models are equal.

same: a non-significant t-test is no evidence of equality. Supported if the 95 % interval of the
difference over seeds lies within ±5 points (equivalence), not supported if it excludes 0, undecided
otherwise.
"""

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from stillact.core.logs import logger
from stillact.evaluation import comparisons, hypothesis_tests
from stillact.evaluation.hypothesis_tests import format_p
from stillact.evaluation.predictions import SAME, rows_of

SUPPORTED, NOT_SUPPORTED, UNDECIDED = "supported", "not supported", "undecided"
LEVEL = 0.05
MARGIN = 0.05  # equivalence margin, in accuracy
RULE = (
    "The claim that a model outperforms another is supported if both the t-test of the difference "
    "in accuracy and McNemar's exact test on the photos that only one of the two classifies "
    "correctly (majority vote of its runs) favour it at the 5 % level, not supported if both "
    "favour the other model, and undecided otherwise. Seeds and photos are those of the holdout "
    "split; where all models of the claim have been cross-validated, folds and all photos are used "
    "instead (corrected t-test). A claim about several models has to hold for each. The claim that "
    "models differ is supported if the one-way and Welch's analysis of variance both give "
    "p < 0.05, and undecided otherwise; they treat seeds on the same photos as replicates. The "
    "claim that two models do not differ is supported if the 95 % interval of the difference over "
    "seeds lies within ±5 points, not supported if it excludes 0, and undecided otherwise."
)


def evaluate(
    claims: pd.DataFrame,
    runs: pd.DataFrame,
    predictions: Mapping[str, pd.DataFrame],
    *,
    names: Mapping[str, str],
    anova: Mapping[str, Sequence[str]],
) -> tuple[pd.DataFrame, str]:
    """A verdict on each claim, by the rules in the docstring of this module.

    Args:
        claims: paper_claims.csv: claim, kind (better, differ or same), task, subset, models: names
            separated by spaces. For `better` the first outperforms the others; for `differ` each is
            the name of an analysis of variance.
        runs: runs.csv: task, model, split, seed, subset, accuracy.
        predictions: the predictions table of each task.
        names: the model for a name in `claims`, where the two differ.
        anova: the models of each analysis of variance.

    Returns:
        A table with claim, verdict and evidence (a sentence with the test results and their sample
        sizes), and a note: claims that are omitted because the study lacks one of their models, or
        ''.
    """
    rows, notes = [], []
    for claim in claims.itertuples():
        of = {"task": claim.task, "subset": claim.subset}
        given = [names.get(name, name) for name in claim.models.split()]
        which = (runs["task"] == claim.task) & (runs["subset"] == claim.subset)
        known = {*runs.loc[which & (runs["split"] == "holdout"), "model"]}
        if claim.kind == "differ":
            known = {name for name, models in anova.items() if known & {*models}}
        if lacking := [name for name in given if name not in known]:
            notes.append(f"Omitted, no runs of {', '.join(lacking)}: {claim.claim}.")
            logger.info(notes[-1])
            continue
        if claim.kind == "better":
            found = _better(given, runs, predictions[claim.task], **of)
        elif claim.kind == "differ":
            found = [
                _differ(name, hypothesis_tests.anova(runs, anova[name], **of)) for name in given
            ]
        else:
            found = [_same(hypothesis_tests.paired_t_test(runs, *given, **of))]
        verdicts, evidence = zip(*found, strict=True)
        rows.append((claim.claim, _all_of(verdicts), "; ".join(evidence) + "."))
    return pd.DataFrame(rows, columns=["claim", "verdict", "evidence"]), " ".join(notes)


def _all_of(verdicts: Sequence[str]) -> str:
    """The verdict on a claim with several parts."""
    if NOT_SUPPORTED in verdicts:
        return NOT_SUPPORTED
    return UNDECIDED if UNDECIDED in verdicts else SUPPORTED


def _better(
    models: Sequence[str], runs: pd.DataFrame, predictions: pd.DataFrame, *, task: str, subset: str
) -> list[tuple[str, str]]:
    """Verdict and evidence: the first model against each of the others."""
    folds = rows_of(predictions, scheme="cv", subset=subset)
    scheme = "cv" if {*models} <= {*folds["model"]} and subset == "test" else "holdout"
    first, found = models[0], []
    for other in models[1:]:
        rows = predictions[predictions["model"].isin([first, other])]
        row = comparisons.pairs(rows, [first, other], scheme=scheme, subset=subset).iloc[0]
        if scheme == "cv":
            photos, (difference, p, text) = "photos", _over_folds(row)
        else:
            test = hypothesis_tests.paired_t_test(runs, first, other, task=task, subset=subset)
            photos, (difference, p, text) = f"{subset} photos", _over_seeds(test)
        alone = row["mcnemar_b"], row["mcnemar_c"]
        sides = _side(difference, p), _side(alone[0] - alone[1], row["mcnemar_p"])
        verdict = {(1, 1): SUPPORTED, (-1, -1): NOT_SUPPORTED}.get(sides, UNDECIDED)
        evidence = (
            f"{first} minus {other}: {text}, and of {row['images']} {photos} {alone[0]} are right "
            f"by {first} alone, {alone[1]} by {other} alone "
            f"(McNemar's {format_p(row['mcnemar_p'])})"
        )
        found.append((verdict, evidence))
    return found


def _side(difference: float, p: float) -> int:
    """The sign of the difference where the test is significant, else 0."""
    return int(math.copysign(1, difference)) if p < LEVEL else 0


def _over_seeds(test: hypothesis_tests.PairedTest) -> tuple[float, float, str]:
    """The difference, its p, and a description of both.

    For a difference without variance t is undefined; p is set to 0, or to 1 if the difference is 0.
    """
    if test.pairs == 0:
        return math.nan, math.nan, "no seed in common"
    points = _points(test.difference)
    if test.pairs == 1:
        return test.difference, math.nan, f"{points} with one seed (no interval)"
    if math.isnan(test.p):
        p = float(abs(test.difference) < SAME)
        return test.difference, p, f"{points} with each of {test.pairs} seeds"
    interval = f"95 % interval {_points(test.ci_low, '')} to {_points(test.ci_high, '')}"
    return test.difference, test.p, f"{points} over {test.pairs} seeds ({interval})"


def _over_folds(row: pd.Series) -> tuple[float, float, str]:
    """As `_over_seeds`, from a row of `comparisons.pairs`."""
    if row["folds"] < 2:
        return math.nan, math.nan, f"{row['folds']} folds in common"
    points = _points(row["difference"])
    if math.isnan(row["t"]):
        p = float(abs(row["difference"]) < SAME)
        return row["difference"], p, f"{points} in each of {row['folds']} folds"
    text = f"{points} over {row['folds']} folds (corrected t-test's {format_p(row['p'])})"
    return row["difference"], row["p"], text


def _differ(name: str, found: hypothesis_tests.Anova) -> tuple[str, str]:
    if found.table.empty:
        return UNDECIDED, f"{name}: {found.note.removesuffix('.')}"
    tests = found.table.set_index("test")
    results = [
        f"{test} F({row['df1']:.4g}, {row['df2']:.4g}) = {row['f']:.2f}, {format_p(row['p'])}"
        for test, row in (("F-test", tests.loc["anova"]), ("Welch's", tests.loc["welch"]))
    ]
    runs = int(tests.loc["anova", ["df1", "df2"]].sum()) + 1
    note = f" ({found.note.removesuffix('.')})" if found.note else ""
    text = f"{name}: {', '.join(results)}, over {runs} seeds of {len(found.models)} models{note}"
    return SUPPORTED if (tests["p"] < LEVEL).all() else UNDECIDED, text


def _same(test: hypothesis_tests.PairedTest) -> tuple[str, str]:
    _, _, text = _over_seeds(test)
    low, high = test.ci_low, test.ci_high
    if test.pairs > 1 and math.isnan(test.p):
        low = high = test.difference
    t = "" if math.isnan(test.p) else f", t({test.df:.0f}) = {test.t:.3f}, {format_p(test.p)}"
    text = f"{test.model_a} minus {test.model_b}: {text}{t}"
    if low > SAME or high < -SAME:
        return NOT_SUPPORTED, text
    return SUPPORTED if low >= -MARGIN and high <= MARGIN else UNDECIDED, text


def _points(difference: float, unit: str = " points") -> str:
    return f"{100 * difference:+.1f}{unit}".replace("-", "−")
