"""Metrics of the study's models on a second dataset (external validation)."""

import numpy as np
import pandas as pd

from stillact.evaluation import bootstrap
from stillact.evaluation.predictions import Predictions, by_model
from stillact.evaluation.proportions import wilson

RESAMPLES = 2000


def summary(external: pd.DataFrame, study: pd.DataFrame, left_out: int) -> pd.DataFrame:
    """Metrics of each model on the external photos, and the difference in accuracy from the study's
    test photos.

    Intervals are those of `bootstrap.intervals`. That of the difference assumes independence of the
    two sets of photos and of the runs on each; the runs are the same, so it is conservative.

    Args:
        external: from `external.table`, any number of models.
        study: the predictions table of the study's task, with those models.
        left_out: number of photos excluded because the study has them.

    Returns:
        One row per model, the most accurate first: model, images, left_out, runs; accuracy,
        balanced_accuracy, macro_f1 (0 to 1) and log_loss (nats); difference, accuracy minus that on
        the study's test photos (-1 to 1); each with its 95 % interval _ci_low, _ci_high; and
        holdout_accuracy, the accuracy on the study's test photos.
    """
    here = by_model(study, scheme="holdout")
    rows = []
    for model, given in by_model(_as_holdout(external), scheme="holdout").items():
        value, draws = _bootstrapped(given, seed=0)
        theirs, their_draws = _bootstrapped(here[model], seed=1)
        value["difference"] = value["accuracy"] - theirs["accuracy"]
        draws["difference"] = draws["accuracy"] - their_draws["accuracy"]
        row = {"model": model, "images": len(given.labels), "left_out": left_out}
        row["runs"] = len(given.probabilities)
        for name, found in value.items():
            ends = np.percentile(draws[name], [2.5, 97.5])
            row |= {name: found, f"{name}_ci_low": ends[0], f"{name}_ci_high": ends[1]}
        rows.append(row | {"holdout_accuracy": theirs["accuracy"]})
    return pd.DataFrame(rows).sort_values(
        "accuracy", ascending=False, kind="stable", ignore_index=True
    )


def _bootstrapped(given: Predictions, seed: int) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Each metric, and its values in the resamples."""
    rng = np.random.default_rng(seed)
    return bootstrap.pooled(given), bootstrap.resample(given, RESAMPLES, rng)


def by_class(external: pd.DataFrame) -> pd.DataFrame:
    """Recall and precision of each model and class, with 95 % Wilson intervals.

    Args:
        external: from `external.table`, any number of models.

    Returns:
        model, class; images, its photos; recall, the share of them predicted as that class, as
        the mean over the runs; answers, the mean number of predictions of that class per run;
        precision, the share of those that are correct, over all runs; both in [0, 1], each with its
        _ci_low and _ci_high. Empty where there is no photo.
    """
    rows = []
    for model, given in by_model(_as_holdout(external), scheme="holdout").items():
        for code, label in enumerate(given.classes):
            true, claimed = given.labels == code, given.predicted == code
            hits, images = (claimed & true).sum(1).mean(), int(true.sum())
            claims = claimed.sum(1).mean()
            recall, precision = _share(hits, images), _share(hits, claims)
            rows.append((model, label, images, *recall, claims, *precision))
    ends = ("", "_ci_low", "_ci_high")
    columns = ["model", "class", "images", *(f"recall{end}" for end in ends)]
    columns += ["answers", *(f"precision{end}" for end in ends)]
    return pd.DataFrame(rows, columns=columns)


def _share(hits: float, of: float) -> tuple[float, float, float]:
    return (hits / of, *wilson(hits / of, of)) if of else (np.nan,) * 3


def _as_holdout(external: pd.DataFrame) -> pd.DataFrame:
    """Each run predicts every photo, as on the holdout split."""
    return external.assign(split="holdout")
