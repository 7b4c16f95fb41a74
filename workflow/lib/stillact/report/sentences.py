"""Sentences of the report, generated from the result tables."""

import pandas as pd

from stillact.core.text_tables import percent
from stillact.evaluation import error_analysis
from stillact.evaluation.agreement import agreement_sentence
from stillact.figures import statistics as statistics_figures
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
    pooled: pd.DataFrame,
    contrasts: pd.DataFrame,
    agreement: pd.DataFrame,
    wrong_by_all: pd.DataFrame,
) -> list[str]:
    """Summary of the error analysis of a task; factors for the best model only.

    Args:
        pooled: from `bootstrap.intervals`, the task's schemes; not empty.
        contrasts, agreement, wrong_by_all: from `error_analysis`, with their scheme.
    """
    scheme, models, over = statistics_figures.drawn(pooled)
    contrasts, agreement, wrong_by_all = (
        table[table["scheme"] == scheme] for table in (contrasts, agreement, wrong_by_all)
    )
    photos = pooled.loc[pooled["scheme"] == scheme, "images"].max()
    of_best = contrasts.query("model == @models[0]").to_dict("records")
    return [
        f"All values in this section are {over}.",
        error_analysis.wrong_by_all_sentence(wrong_by_all, len(models), photos),
        agreement_sentence(agreement),
        *map(error_analysis.contrast_sentence, of_best),
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
