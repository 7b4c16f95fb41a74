"""The paper's claims, each with a verdict of this study: supported, not supported or undecided.

The kinds of claim are the functions of `model_claims` (better, better_by_each, differ, same) and of
`photo_claims` (same_sizes, harder_photos); their docstrings say when a claim is supported. A result
that other seeds or other photos could reverse is not a finding. A claim with several parts has to
hold for each of them, and fails if it fails for one. Requiring all of them at 5 % each keeps the
overall level at 5 % (intersection-union test: Berger, Technometrics 24, 1982).
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from stillact.core.logs import logger
from stillact.paper import model_claims, photo_claims
from stillact.paper.model_claims import NOT_SUPPORTED, SUPPORTED, UNDECIDED, Found

RULE = (
    "The claim that a model outperforms another is supported if both the t-test of the difference "
    "in accuracy and McNemar's exact test on the photos that only one of the two classifies "
    "correctly (majority vote of its runs) favour it at the 5 % level, not supported if both "
    "favour the other model, and undecided otherwise. Seeds and photos are those of the holdout "
    "split; where all models of the claim have been cross-validated, folds and all photos are used "
    "instead (corrected t-test). A claim with several parts has to hold for each. By precision, "
    "recall and F1, the 95 % bootstrap interval over photos takes the place of McNemar's test. The "
    "claim that models differ is supported if the one-way and Welch's analysis of variance both "
    "give p < 0.05, and undecided otherwise; they treat seeds on the same photos as replicates. "
    "The claim that two models do not differ is supported if the 95 % intervals of the difference "
    "over seeds (or folds) and over photos (Agresti and Min) both lie within ±5 points, not "
    "supported if both tests show a difference, and undecided otherwise. The claim that no class "
    "has larger photos is not supported if Kruskal and Wallis's test shows a difference, and "
    "supported if with 95 % confidence the means of two classes differ by less than 10 %. The "
    "claim about errors compares the third of the photos at one end with that at the other "
    "(Fisher's exact test); more errors there are an association, not a cause."
)
OF_MODELS = {
    "better": model_claims.better,
    "better_by_each": model_claims.better_by_each,
    "same": model_claims.same,
}
KINDS = (*OF_MODELS, "differ", "same_sizes", "harder_photos")


def evaluate(
    claims: pd.DataFrame,
    runs: pd.DataFrame,
    predictions: Mapping[str, pd.DataFrame],
    *,
    names: Mapping[str, str],
    anova: Mapping[str, Sequence[str]],
    photos: pd.DataFrame,
    contrasts: Mapping[str, pd.DataFrame],
) -> tuple[pd.DataFrame, str]:
    """A verdict on each claim.

    Args:
        claims: paper_claims.csv: claim, kind (one of `KINDS`), task, subset, about: names separated
            by spaces. They are models, of which for `better` and `better_by_each` the first
            outperforms the others; for `differ` analyses of variance, for `same_sizes` measures.
        runs: runs.csv: task, model, split, seed, subset, accuracy, precision, recall, f1.
        predictions: the predictions table of each task.
        names: the model for a name in `claims`, where the two differ.
        anova: the models of each analysis of variance.
        photos: from `overview.photos`.
        contrasts: of each task that is evaluated, from `error_analysis.contrasts`, with scheme.

    Returns:
        A table with claim, verdict and evidence (a sentence with the test results and their sample
        sizes), and a note: claims that are omitted because the study lacks one of their models, or
        ''.
    """
    rows, notes = [], []
    for claim in claims.itertuples():
        which = (runs["task"] == claim.task) & (runs["subset"] == claim.subset)
        known = {*runs.loc[which & (runs["split"] == "holdout"), "model"]}
        about = [names.get(name, name) for name in claim.about.split()]
        if claim.kind == "differ":
            known = {name for name, models in anova.items() if known & {*models}}
        elif claim.kind == "same_sizes":
            known = {*about} if known else set()
        elif claim.kind == "harder_photos" and claim.task in contrasts:
            known &= {*contrasts[claim.task]["model"]}
        if lacking := [name for name in about if name not in known]:
            notes.append(f"Omitted, no runs of {', '.join(lacking)}: {claim.claim}.")
            logger.info(notes[-1])
            continue
        results = model_claims.Results(runs, predictions[claim.task], claim.task, claim.subset)
        found: list[Found]
        if claim.kind == "differ":
            found = [model_claims.differ(results, name, anova[name]) for name in about]
        elif claim.kind == "same_sizes":
            found = photo_claims.same_sizes(photos, about)
        elif claim.kind == "harder_photos":
            found = photo_claims.harder_photos(contrasts[claim.task], about)
        else:
            found = OF_MODELS[claim.kind](results, about)
        verdicts, evidence = zip(*found, strict=True)
        rows.append((claim.claim, _all_of(verdicts), "; ".join(evidence) + "."))
    return pd.DataFrame(rows, columns=["claim", "verdict", "evidence"]), " ".join(notes)


def _all_of(verdicts: Sequence[str]) -> str:
    """The verdict on a claim with several parts."""
    if NOT_SUPPORTED in verdicts:
        return NOT_SUPPORTED
    return UNDECIDED if UNDECIDED in verdicts else SUPPORTED
