"""Sentences of the report, generated from the result tables."""

import pandas as pd

from stillact.core.text_tables import listed, percent
from stillact.data.overview import duplicates_of
from stillact.evaluation import error_analysis, proportions
from stillact.evaluation.agreement import agreement_sentence
from stillact.evaluation.shown import Shown, scheme_of
from stillact.perturb.robustness import ALL, CLEAN, by_loss


def on_localisation(summary: pd.DataFrame) -> list[str]:
    """Saliency on people, one sentence per model for which it is known.

    Args:
        summary: from `localisation_summary.summarise`.
    """
    texts = [_on_people(summary, model) for model in summary["model"].unique()]
    return [*filter(None, texts)]


def _on_people(summary: pd.DataFrame, model: str) -> str:
    """The energy metric of the first LeGrad of a model; '' where it is not known."""
    rows = summary.query("model == @model and answers == 'all' and metric == 'energy'")
    if rows.empty:
        return ""
    first = rows.iloc[0]
    text = (
        f"{_energy(first)} of the saliency ({first['method']}) for the predictions of {model} lies "
        f"on people, whose boxes cover {100 * first['chance']:.0f}\xa0% of its field of view: "
        f"{first['value'] / first['chance']:.1f} times the chance level."
    )
    others = rows.set_index("method")
    baselines = {
        "centre": "for a centred Gaussian",
        f"{first['method']}_random_weights": "with randomised weights",
        f"{first['method']}_shuffled_labels": "trained on shuffled labels",
    }
    shown = [
        f"{_energy(others.loc[m])} {what}" for m, what in baselines.items() if m in others.index
    ]
    return f"{text} For comparison: {', '.join(shown)}." if shown else text


def _energy(row: pd.Series) -> str:
    interval = f" [{100 * row['ci_low']:.0f}, {100 * row['ci_high']:.0f}]"
    return f"{100 * row['value']:.0f}\xa0%{interval if pd.notna(row['ci_low']) else ''}"


def on_errors(
    of: Shown,
    contrasts: pd.DataFrame,
    agreement: pd.DataFrame,
    wrong_by_all: pd.DataFrame,
    chosen: str | None,
) -> list[str]:
    """Summary of the error analysis of a task; factors for one model only: the chosen one, or else
    the most accurate.

    Args:
        of: what is shown of the task.
        contrasts, agreement, wrong_by_all: from `error_analysis`, with their scheme.
        chosen: the model of the answer.
    """
    model = of.one(chosen)
    wrong_by_all = wrong_by_all[wrong_by_all["scheme"] == of.scheme]
    rows = of.of(contrasts)
    return [
        f"All values in this section are {of.over}.",
        error_analysis.wrong_by_all_sentence(wrong_by_all, len(of.models), of.images),
        agreement_sentence(of.of_pairs(agreement)),
        *map(error_analysis.contrast_sentence, rows[rows["model"] == model].to_dict("records")),
    ]


def on_corruption(summary: pd.DataFrame) -> list[str]:
    """Drop in accuracy under corruption, one sentence per model; the smallest drop first.

    Args:
        summary: from `robustness.evaluate`, one task.
    """
    texts = []
    for model in by_loss(summary):
        rows = summary[(summary["model"] == model) & summary["severity"].isna()]
        each = rows[rows["corruption"] != ALL].sort_values("accuracy_difference", kind="stable")
        worst = each.iloc[0]
        clean = summary[(summary["model"] == model) & (summary["corruption"] == CLEAN)].iloc[0]
        text = (
            f"{model}: accuracy {percent(clean['accuracy'])} on the {clean['photos']} clean photos"
        )
        for overall in rows[rows["corruption"] == ALL].to_dict("records"):
            text += f", {percent(overall['accuracy'])} under corruption ({_points_lost(overall)})"
        if worst["accuracy_difference"] < 0:
            text += f"; largest drop: {worst['corruption']} ({_points_lost(worst)})"
        texts.append(f"{text}.")
    return texts


def _points_lost(row) -> str:
    low, high = row["accuracy_difference_ci_low"], row["accuracy_difference_ci_high"]
    value, low, high = (
        f"{100 * share:+.0f}".replace("-", "−") for share in (row["accuracy_difference"], low, high)
    )
    return f"{value} points, 95\xa0% interval {low} to {high}"


def on_external(summary: pd.DataFrame, name: str) -> list[str]:
    """Summary of the external validation.

    Args:
        summary: from `external_metrics.summary`.
        name: of the dataset.
    """
    best, images = summary.iloc[0], summary["images"].iloc[0]
    here = summary.loc[summary["holdout_accuracy"].idxmax()]
    texts = [
        f"Of {len(summary)} models, {best['model']} is the most accurate on the {images} photos of "
        f"{name}: {_accuracy(best)}, compared with {100 * best['holdout_accuracy']:.0f}\xa0% on "
        "the study's own test photos."
    ]
    if here["holdout_accuracy"] > best["holdout_accuracy"]:
        texts.append(
            f"{here['model']}, the most accurate on those "
            f"({100 * here['holdout_accuracy']:.0f}\xa0%), reaches {_accuracy(here)} on {name}."
        )
    if left_out := summary["left_out"].iloc[0]:
        noun, verb = ("photo", "is") if left_out == 1 else ("photos", "are")
        texts.append(f"{left_out} {noun} that {verb} also part of the study {verb} excluded.")
    return texts


def _accuracy(row: pd.Series) -> str:
    low, high = (100 * row[f"accuracy_ci_{end}"] for end in ("low", "high"))
    return f"{100 * row['accuracy']:.0f}\xa0% [{low:.0f}, {high:.0f}]"


# One sentence for each section of the second level.


def of_setup(photos: int, models: int, runs: int) -> str:
    """What was trained."""
    trained = f", each trained up to {runs} times" if runs > 1 else ""
    return f"{_count(photos, 'photo')} and {_count(models, 'model')}{trained}."


def of_photos(labels: pd.Series, missing: int, audit: pd.DataFrame) -> str:
    """Sizes of the classes, excluded photos and duplicates.

    Args:
        labels: class of each photo of the main task. missing: number of photos excluded.
        audit: of `overview.audit`.
    """
    counts = labels.value_counts()
    text = (
        f"{len(labels)} photos of {len(counts)} classes; the largest, {counts.index[0]}, has "
        f"{percent(counts.iloc[0] / len(labels))}"
    )
    if missing:
        text += f"; {missing} unavailable"
    return f"{text}; {duplicates_of(audit)}."


def of_results(table: pd.DataFrame | None, photos: int, rate: float) -> str:
    """The most accurate model on the test photos.

    Args:
        table: all_models.csv, or None.
        photos: number of test photos. rate: share of the largest class among them.
    """
    if table is None or table.empty:
        return "Scores, learning curves and cost of each run."
    best = table.loc[table["accuracy_mean"].idxmax()]
    return (
        f"On the {photos} test photos, set aside before training, {best['model']} scores best: "
        f"{percent(best['accuracy_mean'])}; always predicting the largest class scores "
        f"{percent(rate)}. So few photos do not choose a model; the answer above does."
    )


def of_recipes(table: pd.DataFrame) -> str:
    """The range of the accuracies, cross-validated where there are such.

    Args:
        table: selection/recipes.csv, not empty.
    """
    cv = table[table["scheme"] == "cv"]
    rows = (cv if len(cv) else table).sort_values("accuracy", ascending=False, kind="stable")
    how = "cross-validated" if len(cv) else "on the test photos"
    ends = [f"{row['model']} ({percent(row['accuracy'])})" for _, row in rows.iterrows()]
    if len(ends) == 1:
        return f"One model is {how}: {ends[0]}."
    return f"{len(ends)} models {how}, from {ends[0]} to {ends[-1]}."


def of_pairs(pairs: pd.DataFrame | None) -> str:
    """How many differences between models are shown.

    Args:
        pairs: from `comparisons.pairs`, of the main task.
    """
    if pairs is None or pairs.empty:
        return "Intervals of the metrics, and tests of differences."
    scheme = scheme_of(pairs)
    rows = pairs[pairs["scheme"] == scheme]
    shown = int((rows["mcnemar_p_holm"] < proportions.LEVEL).sum())
    how = "cross-validated" if scheme == "cv" else "on the test photos"
    return (
        f"Differences in accuracy shown between two models: {shown} of {_count(len(rows), 'pair')} "
        f"({how}, corrected for the number of pairs)."
    )


def of_calibration(table: pd.DataFrame | None) -> str:
    """Whether the probabilities are those of being right.

    Args:
        table: calibration.csv of the main task.
    """
    if table is None or table.empty or "calibrated_high" not in table:
        return "Whether a predicted probability is the frequency of being right."
    rows = table[table["scheme"] == scheme_of(table)].drop_duplicates("model")
    off = rows.loc[rows["ece"] > rows["calibrated_high"], "model"].tolist()
    if not off:
        return f"No evidence against the probabilities of any of {_count(len(rows), 'model')}."
    named = f" ({listed(off)})" if len(off) <= 3 else ""
    return (
        f"The probabilities of {len(off)} of {_count(len(rows), 'model')}{named} are not those of "
        "being right."
    )


def of_saliency(covered: pd.DataFrame | None) -> str:
    """How many models rely on people, from `occlusion_summary.evaluate`."""
    if covered is None or covered.empty:
        return "Which parts of a photo drive the predictions of the fine-tuned models."
    rows = covered[covered["fill"] == "mean"]
    relying = int((rows["difference_ci_low"] > 0).sum())
    return f"Models shown to rely on people, by covering them: {relying} of {len(rows)}."


def of_errors(contrasts: pd.DataFrame, wrong_by_all: pd.DataFrame) -> str:
    """How many contrasts are shown, and the photos that all models misclassify."""
    tested = int(contrasts["p_holm"].notna().sum())
    shown = int((contrasts["p_holm"] < proportions.LEVEL).sum())
    return (
        f"Differences in error rate shown between kinds of photos: {shown} of {tested}. "
        f"Misclassified by all models: {_count(len(wrong_by_all), 'photo')}."
    )


def of_robustness(summary: pd.DataFrame) -> str:
    """The range of the drops in accuracy, from `robustness.evaluate`, one task."""
    overall = summary[summary["severity"].isna() & (summary["corruption"] == ALL)]
    order = [model for model in by_loss(summary) if model in set(overall["model"])]
    if not order:
        return "Accuracy on the test photos with one corruption at a time."
    rows = overall.set_index("model")["accuracy_difference"]
    told = [f"{model} {100 * rows[model]:+.0f}".replace("-", "−") for model in order]
    ends = told[:1] if len(told) == 1 else [told[0], told[-1]]
    return f"Accuracy under corruption, in points against clean photos: {' to '.join(ends)}."


def of_claims(claims: pd.DataFrame | None) -> str:
    """The number of claims by verdict."""
    if claims is None or claims.empty:
        return "Notes on the paper's own figures."
    counts = claims["verdict"].value_counts()
    told = [f"{count} {verdict}" for verdict, count in counts.items()]
    return f"Of {_count(len(claims), 'claim')}: {', '.join(told)}."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
