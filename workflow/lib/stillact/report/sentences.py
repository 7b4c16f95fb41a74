"""Sentences that the report makes of numbers."""

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
    """The sentence that answers, what qualifies it, and the plot's words for who cannot see it.

    Args:
        models: of `comparison.compare`, the best model first; None where there is no such table.
        config: the study's, with the classes of its tasks.
        holdouts: the holdout.csv of each task.
    """
    if models is None or models.empty:
        return None
    best = models.iloc[0]
    classes = config.tasks[best["task"]].classes
    told = listed(classes) if len(classes) <= len(COLOURS) else f"{len(classes)} classes"
    photos, rate = constant_answer(holdouts[best["task"]], best["subset"])
    low, high = best["accuracy_ci_low"], best["accuracy_ci_high"]
    sure = f"95\xa0% interval {percent(low)} to {percent(high)}" if pd.notna(low) else "one run"
    if pd.notna(low) and high - low < SAME:
        sure = f"the same with each of {best['runs']} seeds"
    headline = (
        f"{best['model']} tells {told} apart best: right on {percent(best['accuracy_mean'])} "
        f"of {photos} {best['subset']} photos ({sure}). Always answering the largest class is "
        f"right on {percent(rate)}."
    )
    qualified = _against_constant(best, rate), _against_second(models), _photo_luck(models, photos)
    plot = "; ".join(f"{m['model']} {percent(m['accuracy_mean'])}" for _, m in models.iterrows())
    return {"headline": headline, "qualified": " ".join(filter(None, qualified)), "plot": plot}


def _against_constant(best: pd.Series, rate: float) -> str:
    if best["accuracy_mean"] <= rate:
        return "Not even the best model beats that constant answer."
    if pd.isna(best["accuracy_ci_low"]):
        return "With a single run, nothing is known of how far another seed would differ."
    if best["accuracy_ci_low"] <= rate:
        return "Its interval reaches down to that constant answer, so it may have learnt nothing."
    if best["accuracy_ci_high"] - best["accuracy_ci_low"] < SAME:
        return "It lies above that constant answer."
    return f"Its whole interval, over {best['runs']} seeds, lies above that constant answer."


def _against_second(models: pd.DataFrame) -> str:
    if len(models) < 2:
        return ""
    best, second = models.iloc[0], models.iloc[1]
    said = f"The next best, {second['model']}, is right on {percent(second['accuracy_mean'])}"
    if pd.isna(best["accuracy_ci_low"]) or pd.isna(second["accuracy_ci_high"]):
        return f"{said}."
    if second["accuracy_ci_high"] < best["accuracy_ci_low"]:
        return f"{said}; the two intervals do not overlap."
    return f"{said}; the two intervals overlap, so that their order is not settled."


def _photo_luck(models: pd.DataFrame, photos: int) -> str:
    """How far other test photos might move the result, which no number of seeds shows."""
    right = binomtest(round(models["accuracy_mean"].iloc[0] * photos), photos)
    interval = right.proportion_ci(method="wilson")
    chosen = (
        f"; to be the best of {len(models)} models on them flatters it" if len(models) > 2 else ""
    )
    return (
        f"Seeds show the luck of training alone. With only {photos} test photos, the luck of "
        f"which they are gives by itself a 95\xa0% interval of {percent(interval.low)} to "
        f"{percent(interval.high)} (Wilson){chosen}."
    )


def on_selection(recipes: pd.DataFrame) -> list[str]:
    """What choosing a model without the photos tested on is worth, a sentence a scheme.

    Args:
        recipes: of `selection.recipes`.
    """
    said = []
    for scheme, rows in recipes.groupby("scheme", sort=False):
        rows = rows.set_index("model")
        if SELECTED not in rows.index or len(rows) < 2:
            continue
        ours, best = rows.loc[SELECTED], rows.drop(index=SELECTED).iloc[0]
        low, high = percent(ours["accuracy_ci_low"]), percent(ours["accuracy_ci_high"])
        where = SCHEMES[scheme].format(images=ours["images"])
        said.append(
            f"{where}: whichever model is chosen without the photos tested on is right on "
            f"{percent(ours['accuracy'])} (95\xa0% interval {low} to {high}). The best single "
            f"one, {best.name}, known only afterwards, is right on {percent(best['accuracy'])}."
        )
    return said


def on_localisation(summary: pd.DataFrame) -> list[str]:
    """Where each model looks, a sentence each; of a model of which it is not known, none.

    Args:
        summary: of `localisation_summary.summarise`.
    """
    told = [_where_it_looks(summary, model) for model in summary["model"].unique()]
    return [*filter(None, told)]


def _where_it_looks(summary: pd.DataFrame, model: str) -> str:
    """What the first LeGrad's energy says of a model; '' where it is not known."""
    rows = summary.query("model == @model and answers == 'all' and metric == 'energy'")
    if rows.empty:
        return ""
    first = rows.iloc[0]
    said = (
        f"{_energy(first)} of the relevance that {first['method']} finds for {model}'s answers "
        f"lies on people, whose boxes take {100 * first['chance']:.0f}\xa0% of what it sees: "
        f"{first['value'] / first['chance']:.1f} times as much as by chance."
    )
    others = rows.set_index("method")
    beside = {
        "centre": "of a Gaussian in the middle",
        f"{first['method']}_random_weights": "with its weights in random order",
        f"{first['method']}_shuffled_labels": "trained on shuffled labels",
    }
    told = [f"{_energy(others.loc[m])} {what}" for m, what in beside.items() if m in others.index]
    return f"{said} Beside it: {', '.join(told)}." if told else said


def _energy(row: pd.Series) -> str:
    interval = f" [{100 * row['ci_low']:.0f}, {100 * row['ci_high']:.0f}]"
    return f"{100 * row['value']:.0f}\xa0%{interval if pd.notna(row['ci_low']) else ''}"


def on_errors(
    pooled: pd.DataFrame,
    contrasts: pd.DataFrame,
    agreement: pd.DataFrame,
    wrong_by_all: pd.DataFrame,
) -> list[str]:
    """What the errors on a task say, in sentences; of the factors, for the best model.

    Args:
        pooled: of `bootstrap.intervals`, the task's schemes; not empty.
        contrasts, agreement, wrong_by_all: of `error_analysis`, with their scheme.
    """
    scheme, models, over = statistics_figures.drawn(pooled)
    contrasts, agreement, wrong_by_all = (
        table[table["scheme"] == scheme] for table in (contrasts, agreement, wrong_by_all)
    )
    photos = pooled.loc[pooled["scheme"] == scheme, "images"].max()
    of_best = contrasts.query("model == @models[0]").to_dict("records")
    return [
        f"What follows is {over}.",
        error_analysis.wrong_by_all_sentence(wrong_by_all, len(models), photos),
        agreement_sentence(agreement),
        *map(error_analysis.contrast_sentence, of_best),
    ]


def on_corruption(summary: pd.DataFrame) -> list[str]:
    """What corruption costs each model, a sentence each; the one that loses least comes first.

    Args:
        summary: of `robustness.judge`, one task.
    """
    told = []
    for model in by_loss(summary):
        rows = summary[(summary["model"] == model) & summary["severity"].isna()]
        each = rows[rows["corruption"] != ALL].sort_values("accuracy_difference", kind="stable")
        worst = each.iloc[0]
        clean = summary[(summary["model"] == model) & (summary["corruption"] == CLEAN)].iloc[0]
        text = f"{model} is right on {percent(clean['accuracy'])} of the {clean['photos']} photos"
        for overall in rows[rows["corruption"] == ALL].to_dict("records"):
            text += (
                f", and on {percent(overall['accuracy'])} when they are corrupted "
                f"({_points_lost(overall)})"
            )
        if worst["accuracy_difference"] < 0:
            text += f"; it loses most by {worst['corruption']} ({_points_lost(worst)})"
        told.append(f"{text}.")
    return told


def _points_lost(row) -> str:
    low, high = row["accuracy_difference_ci_low"], row["accuracy_difference_ci_high"]
    value, low, high = (
        f"{100 * of:+.0f}".replace("-", "−") for of in (row["accuracy_difference"], low, high)
    )
    return f"{value} points, 95\xa0% interval {low} to {high}"


def on_external(summary: pd.DataFrame, name: str) -> list[str]:
    """How the models do on another dataset, in sentences.

    Args:
        summary: of `external_metrics.summary`.
        name: of the dataset.
    """
    best, images = summary.iloc[0], summary["images"].iloc[0]
    here = summary.loc[summary["holdout_accuracy"].idxmax()]
    told = [
        f"Of {len(summary)} models {best['model']} does best on the {images} photos of {name}: it "
        f"is right on {_accuracy(best)}, and on {100 * best['holdout_accuracy']:.0f}\xa0% of the "
        "study's own test photos."
    ]
    if here["holdout_accuracy"] > best["holdout_accuracy"]:
        told.append(
            f"{here['model']}, the best on those ({100 * here['holdout_accuracy']:.0f}\xa0%), is "
            f"right on {_accuracy(here)} of {name}."
        )
    if left_out := summary["left_out"].iloc[0]:
        verb = "is" if left_out == 1 else "are"
        told.append(f"{left_out} more {verb} the study's own, and left out.")
    return told


def _accuracy(row: pd.Series) -> str:
    low, high = (100 * row[f"accuracy_ci_{end}"] for end in ("low", "high"))
    return f"{100 * row['accuracy']:.0f}\xa0% [{low:.0f}, {high:.0f}]"
