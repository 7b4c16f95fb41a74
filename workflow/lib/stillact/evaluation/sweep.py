"""Sensitivity of models to their hyper-parameters: a grid of combinations.

Combinations are evaluated on validation photos, with one seed; neither model selection nor any
result depends on the sweep.
"""

import itertools
from collections.abc import Sequence
from typing import Any

import pandas as pd

from stillact.config.evaluation import Sweep
from stillact.recipes.fine_tune.config import FineTunePlan
from stillact.recipes.from_scratch.config import FromScratchPlan

SETTINGS = ("learning_rate", "layer_decay", "augment")
METRICS = {"validation_loss": "min", "validation_accuracy": "max"}  # and which value is best

Swept = FineTunePlan | FromScratchPlan


def settings(recipe: str) -> tuple[str, ...]:
    """Those of `SETTINGS` that a model of a recipe has."""
    return SETTINGS if recipe == "fine_tune" else ("learning_rate", "augment")


def combinations(sweep: Sweep, recipe: str) -> pd.DataFrame:
    """One row per combination of a model's `settings`, in the order of the config: learning_rate (a
    factor) and layer_decay, float64; augment (the name of an augmentation strength)."""
    names = settings(recipe)
    values = [dict.fromkeys(getattr(sweep, setting)) for setting in names]
    return pd.DataFrame(itertools.product(*values), columns=list(names))


def folder_of(point: dict[str, Any]) -> str:
    """The name of a combination in paths, from a row of `combinations`."""
    return "+".join(f"{setting}~{value}" for setting, value in point.items())


def plan(base: Swept, sweep: Sweep, point: dict[str, Any]) -> Swept:
    """A model's plan with the settings of `point`, a row of `combinations`. A head's own learning
    rate is multiplied, too."""
    training, factor = base.training, float(point["learning_rate"])
    rates = {"learning_rate": training.learning_rate * factor}
    if isinstance(base, FineTunePlan):
        rates["layer_decay"] = float(point["layer_decay"])
        if training.head_learning_rate is not None:
            rates["head_learning_rate"] = training.head_learning_rate * factor
    augment = sweep.augment[point["augment"]]
    return base.model_copy(
        update={"training": training.model_copy(update=rates), "augment": augment}
    )


def own(base: Swept, sweep: Sweep) -> dict[str, Any]:
    """The values of `sweep` that are the model's own settings, by setting; some may be absent."""
    strengths = [name for name, augment in sweep.augment.items() if augment == base.augment]
    found: dict[str, Any] = {"learning_rate": [1.0], "augment": strengths}
    if isinstance(base, FineTunePlan):
        found["layer_decay"] = [base.training.layer_decay]
    return {
        setting: values[0]
        for setting, values in found.items()
        if values and values[0] in getattr(sweep, setting)
    }


def evaluated(histories: Sequence[pd.DataFrame], patience: int | None) -> dict[str, float]:
    """Means over the runs of a combination, one or one per fold: validation_loss (nats) and
    validation_accuracy (0 to 1) of the epochs whose weights are kept, kept_epoch, epochs; and runs,
    their number.

    Args:
        histories: history.csv: epoch, validation_loss, validation_accuracy; one row per epoch.
        patience: of early stopping, which keeps the epoch with the lowest validation loss; None:
            the last epoch is kept.
    """
    rows = []
    for history in histories:
        row = len(history) - 1 if patience is None else history["validation_loss"].argmin()
        kept = history.iloc[row]
        metrics = {metric: float(kept[metric]) for metric in METRICS}
        rows.append(metrics | {"kept_epoch": int(kept["epoch"]), "epochs": len(history)})
    return pd.DataFrame(rows).mean().to_dict() | {"runs": len(rows)}


def summary(points: pd.DataFrame) -> pd.DataFrame:
    """Distribution of the validation loss and accuracy, over all combinations and per value of each
    setting.

    Args:
        points: one row per combination: `settings`, and the metrics of `evaluated`.

    Returns:
        setting ("all", or one of `settings`), value (of it, as in paths; '' for all), metric,
        combinations (count), best (the lowest loss, the highest accuracy), median, min, max, and
        iqr (interquartile range, interpolated).
    """
    groups = [("all", "", points)]
    for setting in filter(points.columns.__contains__, SETTINGS):
        by_value = points.groupby(setting, sort=False)
        groups += [(setting, str(value), group) for value, group in by_value]
    rows = []
    for setting, value, group in groups:
        for metric, best in METRICS.items():
            scores = group[metric]
            rows.append(
                {
                    "setting": setting,
                    "value": value,
                    "metric": metric,
                    "combinations": len(scores),
                    "best": scores.agg(best),
                    "median": scores.median(),
                    "min": scores.min(),
                    "max": scores.max(),
                    "iqr": scores.quantile(0.75) - scores.quantile(0.25),
                }
            )
    return pd.DataFrame(rows)
