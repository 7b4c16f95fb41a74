"""Verdicts on claims about photos: their sizes, and the errors on some of them."""

from collections.abc import Sequence
from itertools import combinations

import pandas as pd
from scipy import stats

from stillact.evaluation.comparisons import holm
from stillact.evaluation.error_factors import FACTORS
from stillact.evaluation.hypothesis_tests import format_p
from stillact.evaluation.proportions import LEVEL
from stillact.paper.model_claims import NOT_SUPPORTED, SUPPORTED, UNDECIDED, Found

SIZE_MARGIN = 0.1  # equivalence margin of a size, as a share of its mean
# The factors of the claim about errors, with the end at which the paper expects more of them.
HARDER = {"person_size": "first", "overlap": "last"}


def same_sizes(photos: pd.DataFrame, measures: Sequence[str]) -> list[Found]:
    """No class has larger photos: for each measure, not supported if Kruskal and Wallis's test
    shows a difference (Holm, over the measures), supported if the 95 % intervals (Welch) of all
    differences between the means of two classes lie within 10 % of the overall mean, undecided
    otherwise.

    Args:
        photos: from `overview.photos`: label and the measures.
        measures: columns.
    """
    groups = {label: group for label, group in photos.groupby("label") if len(group) > 1}
    if len(groups) < 2:
        return [(UNDECIDED, "fewer than two classes with two photos")]
    p = holm(pd.Series([_kruskal([g[m] for g in groups.values()]) for m in measures], measures))
    return [_same_size(groups, measure, p[measure]) for measure in measures]


def _kruskal(values: Sequence[pd.Series]) -> float:
    """The p of the test; 1 where all values are the same, for which it is not defined."""
    return stats.kruskal(*values).pvalue if pd.concat(values).nunique() > 1 else 1.0


def _same_size(groups: dict[str, pd.DataFrame], measure: str, p: float) -> Found:
    means = {label: group[measure].mean() for label, group in groups.items()}
    limit = SIZE_MARGIN * pd.concat([group[measure] for group in groups.values()]).mean()
    ends = [
        abs(end)
        for one, other in combinations(groups.values(), 2)
        for end in _interval(one[measure], other[measure])
    ]
    told = ", ".join(f"{label} {mean:.0f}" for label, mean in means.items())
    text = (
        f"{measure}: means of {told} px (Kruskal and Wallis's {format_p(p)}); with 95 % confidence "
        f"two classes differ by at most {max(ends):.0f} px (margin: {limit:.0f})"
    )
    if p < LEVEL:
        return NOT_SUPPORTED, text
    return SUPPORTED if max(ends) <= limit else UNDECIDED, text


def _interval(one: pd.Series, other: pd.Series) -> tuple[float, float]:
    if one.nunique() == other.nunique() == 1:  # no variance, no t
        return (one.mean() - other.mean(),) * 2
    return tuple(stats.ttest_ind(one, other, equal_var=False).confidence_interval(0.95))


def harder_photos(contrasts: pd.DataFrame, models: Sequence[str]) -> list[Found]:
    """Small and covered people are misclassified more often: for each model and factor, the error
    rate of a third of the photos against that of the third at the other end (Fisher's exact test).
    Supported if there are more errors where the paper expects them, not supported if there are
    fewer, undecided if p is 0.05 or more.

    Args:
        contrasts: from `error_analysis.contrasts`, with scheme; "cv" is used where it has all
            models.
        models: names.
    """
    folds = contrasts[contrasts["scheme"] == "cv"]
    in_folds = {*models} <= {*folds["model"]}
    rows = (folds if in_folds else contrasts[contrasts["scheme"] == "holdout"]).set_index(
        ["model", "factor"]
    )
    return [_harder(model, factor, rows) for model in models for factor in HARDER]


def _harder(model: str, factor: str, rows: pd.DataFrame) -> Found:
    row = rows.loc[(model, factor)]
    if pd.isna(row["p"]):
        return UNDECIDED, f"{model}, {FACTORS[factor].title.split(' (')[0]}: {row['note']}"
    rates = [
        f"{row[f'{end}_errors']:.0f} of {row[f'{end}_photos']:.0f} photos {words} are wrong"
        for end, words in (("first", FACTORS[factor].first), ("last", FACTORS[factor].last))
    ]
    text = f"{model}: {', '.join(rates)} ({format_p(row['p'])})"
    if row["p"] >= LEVEL:
        return UNDECIDED, text
    more = row["difference"] > 0 if HARDER[factor] == "first" else row["difference"] < 0
    return SUPPORTED if more else NOT_SUPPORTED, text
