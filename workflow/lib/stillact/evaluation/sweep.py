"""Sensitivity of a fine-tuned model to its hyper-parameters: a grid of combinations.

Combinations are evaluated on the validation photos, with one seed; neither model selection nor any
result depends on the sweep.
"""

import itertools
from typing import Any

import pandas as pd

from stillact.config.evaluation import Sweep
from stillact.recipes.fine_tune.config import FineTunePlan

SETTINGS = ("learning_rate", "layer_decay", "augment")
METRICS = {"validation_loss": "min", "validation_accuracy": "max"}  # and which value is best


def combinations(sweep: Sweep) -> pd.DataFrame:
    """One row per combination, in the order of the config: learning_rate and layer_decay (float64),
    augment (the name of an augmentation strength)."""
    values = [dict.fromkeys(getattr(sweep, setting)) for setting in SETTINGS]
    return pd.DataFrame(itertools.product(*values), columns=list(SETTINGS))


def plan(base: FineTunePlan, sweep: Sweep, point: dict[str, Any]) -> FineTunePlan:
    """A model's plan with the settings replaced by those of `point`, a row of `combinations`."""
    rates = {name: float(point[name]) for name in ("learning_rate", "layer_decay")}
    training = base.training.model_copy(update=rates)
    augment = sweep.augment[point["augment"]]
    return base.model_copy(update={"training": training, "augment": augment})


def own(base: FineTunePlan, sweep: Sweep) -> dict[str, Any]:
    """The values of `sweep` that equal the model's own settings, by setting; some may be absent."""
    strengths = [name for name, augment in sweep.augment.items() if augment == base.augment]
    found = dict(
        zip(
            SETTINGS,
            ([base.training.learning_rate], [base.training.layer_decay], strengths),
            strict=True,
        )
    )
    return {
        setting: values[0]
        for setting, values in found.items()
        if values and values[0] in getattr(sweep, setting)
    }


def kept_epoch(history: pd.DataFrame, patience: int | None) -> dict[str, float]:
    """Number of epochs of a training, and number, validation_loss (nats) and validation_accuracy
    (0 to 1) of the epoch whose weights are kept.

    Args:
        history: history.csv: epoch, validation_loss, validation_accuracy; one row per epoch.
        patience: of early stopping, which keeps the epoch with the lowest validation loss; None:
            the last epoch is kept.
    """
    row = len(history) - 1 if patience is None else history["validation_loss"].argmin()
    kept = history.iloc[row]
    return {
        **{metric: float(kept[metric]) for metric in METRICS},
        "kept_epoch": int(kept["epoch"]),
        "epochs": len(history),
    }


def summary(points: pd.DataFrame) -> pd.DataFrame:
    """Distribution of the validation loss and accuracy, over all combinations and per value of each
    setting.

    Args:
        points: one row per combination: `SETTINGS`, and the metrics of `kept_epoch`.

    Returns:
        setting ("all", or one of `SETTINGS`), value (of it, as in paths; '' for all), metric,
        combinations (count), best (the lowest loss, the highest accuracy), median, min, max, and
        iqr (interquartile range, interpolated).
    """
    groups = [("all", "", points)]
    for setting in SETTINGS:
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
