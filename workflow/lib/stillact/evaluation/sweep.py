"""One fine-tuned model trained with every combination of some settings: how much hangs on them.

It is judged on the validation photos, with one seed; no model is chosen by it and no result hangs
on it.
"""

import itertools
from typing import Any

import pandas as pd

from stillact.config.evaluation import Sweep
from stillact.recipes.fine_tune.config import FineTunePlan

SETTINGS = ("learning_rate", "layer_decay", "augment")
METRICS = {"validation_loss": "min", "validation_accuracy": "max"}  # and which one is best


def combinations(sweep: Sweep) -> pd.DataFrame:
    """A row a combination, in the order of the config: learning_rate and layer_decay (float64),
    augment (the name of a strength)."""
    values = [dict.fromkeys(getattr(sweep, setting)) for setting in SETTINGS]
    return pd.DataFrame(itertools.product(*values), columns=list(SETTINGS))


def plan(base: FineTunePlan, sweep: Sweep, point: dict[str, Any]) -> FineTunePlan:
    """A model's plan with the settings of `point`, a row of `combinations`, in place of its own."""
    rates = {name: float(point[name]) for name in ("learning_rate", "layer_decay")}
    training = base.training.model_copy(update=rates)
    augment = sweep.augment[point["augment"]]
    return base.model_copy(update={"training": training, "augment": augment})


def own(base: FineTunePlan, sweep: Sweep) -> dict[str, Any]:
    """The values of `sweep` that are the model's own settings, by setting; not all may be there."""
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


def best_epoch(history: pd.DataFrame) -> dict[str, float]:
    """What a training came to: its epochs, and of the one with the lowest validation loss, whose
    weights it ends with, the number, validation_loss (nats) and validation_accuracy (0 to 1).

    Args:
        history: history.csv: epoch, validation_loss, validation_accuracy; a row an epoch.
    """
    best = history.loc[history["validation_loss"].idxmin()]
    return {
        **{metric: float(best[metric]) for metric in METRICS},
        "best_epoch": int(best["epoch"]),
        "epochs": len(history),
    }


def summary(points: pd.DataFrame) -> pd.DataFrame:
    """The spread of the validation loss and accuracy, over all combinations and over those with
    each value of each setting.

    Args:
        points: a row a combination: `SETTINGS`, and the metrics of `best_epoch`.

    Returns:
        setting ("all", or one of `SETTINGS`), value (of it, as in paths; '' for all), metric,
        combinations (count), best (the lowest loss, the highest accuracy), median, min, max, and
        iqr (the distance between the quartiles, interpolated).
    """
    groups = [("all", "", points)]
    for setting in SETTINGS:
        these = points.groupby(setting, sort=False)
        groups += [(setting, str(value), group) for value, group in these]
    rows = []
    for setting, value, group in groups:
        for metric, best in METRICS.items():
            of = group[metric]
            rows.append(
                {
                    "setting": setting,
                    "value": value,
                    "metric": metric,
                    "combinations": len(of),
                    "best": of.agg(best),
                    "median": of.median(),
                    "min": of.min(),
                    "max": of.max(),
                    "iqr": of.quantile(0.75) - of.quantile(0.25),
                }
            )
    return pd.DataFrame(rows)
