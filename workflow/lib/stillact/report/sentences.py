"""Sentences of the report, generated from the result tables."""

from collections.abc import Mapping

import pandas as pd
from scipy.stats import binomtest

from stillact.core.text_tables import listed, percent
from stillact.evaluation import error_analysis
from stillact.evaluation.agreement import agreement_sentence
from stillact.evaluation.predictions import SAME
from stillact.evaluation.selection import SELECTED
from stillact.figures import statistics as statistics_figures
from stillact.figures.style import COLOURS
from stillact.perturb.robustness import ALL, CLEAN, by_loss
from stillact.report.tables import constant_answer
from stillact.study.config import Config

SCHEMES = {
    "cv": "Over {images} photos, each tested in its fold",
    "holdout": "On the {images} test photos of the holdout split",
}


def answer(
    models: pd.DataFrame | None, config: Config, holdouts: Mapping[str, pd.DataFrame]
) -> dict | None:
    """The headline, its qualifications, and the alternative text of the plot.

    Args:
        models: from `model_tables.of_models`, the best model first; None where there is none.
        config: the study's, with the classes of its tasks.
        holdouts: the holdout.csv of each task.
    """
    if models is None or models.empty:
        return None
    best = models.iloc[0]
    classes = config.tasks[best["task"]].classes
    names = listed(classes) if len(classes) <= len(COLOURS) else f"{len(classes)} classes"
    photos, rate = constant_answer(holdouts[best["task"]], best["subset"])
    low, high = best["accuracy_ci_low"], best["accuracy_ci_high"]
    spread = f"95\xa0% interval {percent(low)} to {percent(high)}" if pd.notna(low) else "one run"
    if pd.notna(low) and high - low < SAME:
        spread = f"the same with each of {best['runs']} seeds"
    headline = (
        f"{best['model']} is the most accurate model for {names}: "
        f"{percent(best['accuracy_mean'])} on {photos} {best['subset']} photos ({spread}). The "
        f"majority-class baseline scores {percent(rate)}."
    )
    qualified = _against_constant(best, rate), _against_second(models), _sampling(models, photos)
    plot = "; ".join(f"{m['model']} {percent(m['accuracy_mean'])}" for _, m in models.iterrows())
    return {"headline": headline, "qualified": " ".join(filter(None, qualified)), "plot": plot}


def _against_constant(best: pd.Series, rate: float) -> str:
    if best["accuracy_mean"] <= rate:
        return "No model exceeds the baseline."
    if pd.isna(best["accuracy_ci_low"]):
        return "With a single run, the variation between seeds is unknown."
    if best["accuracy_ci_low"] <= rate:
        return "The interval includes the baseline, so the model may be no better than it."
    if best["accuracy_ci_high"] - best["accuracy_ci_low"] < SAME:
        return "The accuracy is above the baseline."
    return f"The whole interval, over {best['runs']} seeds, lies above the baseline."


def _against_second(models: pd.DataFrame) -> str:
    if len(models) < 2:
        return ""
    best, second = models.iloc[0], models.iloc[1]
    text = f"The second best, {second['model']}, reaches {percent(second['accuracy_mean'])}"
    if pd.isna(best["accuracy_ci_low"]) or pd.isna(second["accuracy_ci_high"]):
        return f"{text}."
    if second["accuracy_ci_high"] < best["accuracy_ci_low"]:
        return f"{text}; the two intervals do not overlap."
    return f"{text}; the two intervals overlap, so the ranking is uncertain."


def _sampling(models: pd.DataFrame, photos: int) -> str:
    """The uncertainty from the sampling of the test photos, which more seeds do not reduce."""
    right = binomtest(round(models["accuracy_mean"].iloc[0] * photos), photos)
    interval = right.proportion_ci(method="wilson")
    chosen = f"; being the best of {len(models)} makes this optimistic" if len(models) > 2 else ""
    return (
        "Seeds cover only the variance of training. With only "
        f"{photos} test photos, their sampling alone gives a 95\xa0% interval of "
        f"{percent(interval.low)} to {percent(interval.high)} (Wilson){chosen}."
    )


def on_selection(recipes: pd.DataFrame) -> list[str]:
    """Accuracy of model selection without the test photos, one sentence per scheme.

    Args:
        recipes: from `selection.recipes`.
    """
    texts = []
    for scheme, rows in recipes.groupby("scheme", sort=False):
        rows = rows.set_index("model")
        if SELECTED not in rows.index or len(rows) < 2:
            continue
        ours, best = rows.loc[SELECTED], rows.drop(index=SELECTED).iloc[0]
        low, high = percent(ours["accuracy_ci_low"]), percent(ours["accuracy_ci_high"])
        where = SCHEMES[scheme].format(images=ours["images"])
        texts.append(
            f"{where}: selecting a model without looking at the test photos yields "
            f"{percent(ours['accuracy'])} (95\xa0% interval {low} to {high}). The best model in "
            f"hindsight, {best.name}, reaches {percent(best['accuracy'])}."
        )
    return texts


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
