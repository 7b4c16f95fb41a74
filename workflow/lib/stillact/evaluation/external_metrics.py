"""How the study's models do on a second dataset, from elsewhere."""

import numpy as np
import pandas as pd

from stillact.evaluation import bootstrap
from stillact.evaluation.hypothesis_tests import wilson
from stillact.evaluation.predictions import Predictions, by_model

RESAMPLES = 2000


def summary(external: pd.DataFrame, study: pd.DataFrame, left_out: int) -> pd.DataFrame:
    """How each model does there, and what is left of its accuracy on the study's test photos.

    Intervals are those of `bootstrap.intervals`. The difference's takes the luck of the two sets of
    photos, and that of the runs on each, for independent; the runs are the same, so it is rather
    too wide than too narrow.

    Args:
        external: of `external.table`, any number of models.
        study: the predictions table of the study's task, with those models.
        left_out: photos that were the study's own.

    Returns:
        A row a model, the most accurate first: model, images, left_out, runs; accuracy,
        balanced_accuracy, macro_f1 (0 to 1) and log_loss (nats); difference, accuracy minus that on
        the study's test photos (-1 to 1); each with its 95 % interval _ci_low, _ci_high; and
        holdout_accuracy, what is subtracted.
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
    """Each metric, and what it is in each resample."""
    rng = np.random.default_rng(seed)
    return bootstrap.pooled(given), bootstrap.resample(given, RESAMPLES, rng)


def by_class(external: pd.DataFrame) -> pd.DataFrame:
    """Of each model and class how many of its photos are found, and how many of the answers are
    right, with 95 % Wilson intervals.

    Args:
        external: of `external.table`, any number of models.

    Returns:
        model, class; images, its photos; recall, the share of them that are given that answer, as
        the mean over the runs; answers, how many photos a run gives that answer, in the mean;
        precision, the share of those that are right, over all runs; both in [0, 1], each with its
        _ci_low and _ci_high. What is over no photo is empty.
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
    """Its runs judge every photo, as those of the holdout split do."""
    return external.assign(split="holdout")
