"""Choice of a model on out-of-fold predictions, and the accuracy to expect of the chosen model."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stillact.core.runs import Run
from stillact.evaluation import bootstrap
from stillact.evaluation.predictions import SAME, Predictions, by_model
from stillact.evaluation.proportions import wilson_of_mean

HOLDOUT = "holdout"


@dataclass(frozen=True)
class Interval:
    """A value in [0, 1] with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Choice:
    """The chosen model, and what it is expected to score on new photos.

    model: its name.
    naive: its out-of-fold accuracy, which is optimistic, as it is the best of several.
    accuracy, balanced_accuracy: without that optimism; see `choose`.
    images, groups: number of photos, and of independent groups of them.
    """

    model: str
    naive: float
    accuracy: Interval
    balanced_accuracy: Interval
    images: int
    groups: int


def candidates(predictions: pd.DataFrame, models: Sequence[str]) -> dict[str, Predictions]:
    """The cross-validated models among `models`, in that order, with their out-of-fold predictions.

    Args:
        predictions: as for `predictions.by_model`.
        models: names.
    """
    given = by_model(predictions, scheme="cv")
    return {model: given[model] for model in models if model in given}


def choose(given: dict[str, Predictions], resamples: int = 2000, seed: int = 0) -> Choice:
    """Choose the model with the highest out-of-fold accuracy; of equally accurate ones the first.

    The accuracy of the best of several models is optimistic. The choice is therefore bootstrapped
    (BBC-CV: Tsamardinos, Greasidou, Borboudakis, "Bootstrapping the out-of-sample predictions for
    efficient and accurate cross-validation", Machine Learning 107, 2018): in each resample of the
    photos the same rule chooses on those drawn, and its choice is evaluated on those not drawn.
    Photos of one group are drawn together. The estimate is the mean over the resamples.

    The photos not drawn are a share f of about 1 / e of all, drawn without replacement, so that
    their mean varies (1 - f) / f times as much as that of all photos; the variance over the
    resamples is divided by that. The interval is Wilson's, with the number of photos that has this
    variance (`proportions.wilson_of_mean`). Simulated coverage is in docs/uncertainty.md.

    Args:
        given: from `candidates`, at least one model; the cheapest first.
        resamples: number of bootstrap resamples.
        seed: random seed.
    """
    models = list(given)
    first = given[models[0]]
    right = np.array([given[model].right for model in models])
    clusters, rng = first.clusters, np.random.default_rng(seed)
    chosen = _best(right.mean(1)[None])[0]
    groups = int(clusters.max()) + 1
    if groups < 2:
        only = Interval(right[chosen].mean(), 0, 1)
        return Choice(models[chosen], only.value, only, only, len(clusters), groups)
    drawn = rng.multinomial(groups, np.full(groups, 1 / groups), size=resamples)
    drawn = drawn[(drawn == 0).any(1)][:, clusters]
    picks = _best(drawn @ right.T / drawn.sum(1, keepdims=True))
    left_out = (drawn == 0).astype(float)
    hits = right[picks] * left_out
    scores = hits.sum(1) / left_out.sum(1), _balanced(hits, left_out, first.labels)
    accuracy, balanced = (_interval(score, left_out.mean(), groups) for score in scores)
    naive = float(right[chosen].mean())
    return Choice(models[chosen], naive, accuracy, balanced, len(clusters), groups)


def _balanced(hits: np.ndarray, left_out: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The mean recall of the classes that occur among the photos left out, per resample."""
    classes = np.eye(labels.max() + 1)[labels]
    occurs = left_out @ classes
    return (hits @ classes / np.maximum(occurs, 1)).sum(1) / (occurs > 0).sum(1)


def _best(accuracies: np.ndarray) -> np.ndarray:
    """The index of the first of the highest values, which differ by more than rounding, per row."""
    return (accuracies >= accuracies.max(1, keepdims=True) - SAME).argmax(1)


def _interval(scores: np.ndarray, share: float, groups: int) -> Interval:
    value = float(scores.mean())
    variance = float(scores.var()) * share / (1 - share)
    return Interval(value, *wilson_of_mean(value, variance, groups))


def recipes(predictions: pd.DataFrame, models: dict[str, str]) -> pd.DataFrame:
    """Comparison of all models, on the holdout split and cross-validated.

    Args:
        predictions: as for `predictions.by_model`.
        models: the recipe of each model to include.

    Returns:
        One row per model and scheme, in each scheme the most accurate first: scheme (cv, holdout),
        model, recipe, images, runs; accuracy and log_loss (nats) with 95 % intervals as
        `bootstrap.intervals` gives them; accuracy_averaged: of the mean of the runs'
        probabilities, on the holdout.
    """
    predictions = predictions[predictions["model"].isin(list(models))]
    rows = []
    for scheme in ("cv", HOLDOUT):
        table = bootstrap.intervals(predictions, scheme=scheme)
        given = by_model(predictions, scheme=scheme)
        for model, found in table.groupby("model", sort=False):
            row = {"scheme": scheme, "model": model, "recipe": models[model]}
            row |= found.iloc[0][["images", "runs"]].to_dict()
            for metric in ("accuracy", "log_loss"):
                (value,) = found[found["metric"] == metric].itertuples()
                row |= {metric: value.value, f"{metric}_ci_low": value.ci_low}
                row |= {f"{metric}_ci_high": value.ci_high}
            row["accuracy_averaged"] = _averaged(given[model]) if scheme == HOLDOUT else np.nan
            rows.append(row)
    made = pd.DataFrame(rows)
    return made.sort_values(["scheme", "accuracy"], ascending=[True, False], kind="stable")


def _averaged(given: Predictions) -> float:
    """Accuracy of the mean of the runs' probabilities, an ensemble of them."""
    seen = given.judged.all(0)
    together = given.probabilities[:, seen].mean(0).argmax(1)
    return float((together == given.labels[seen]).mean())


def views(histories: dict[Run, pd.DataFrame]) -> pd.DataFrame:
    """Validation scores of each view (test-time augmentation) and of the mean over all views.

    Args:
        histories: of runs of the recipe tta: view, validation_loss, validation_accuracy.

    Returns:
        model, scheme (cv, holdout), view, runs; validation_loss (nats), validation_accuracy (0 to
        1), means over the runs.
    """
    tables = [
        table.assign(model=run.model, scheme=HOLDOUT if run.split == HOLDOUT else "cv")
        for run, table in histories.items()
    ]
    columns = ["validation_loss", "validation_accuracy"]
    keys = ["model", "scheme", "view"]
    if not tables:
        return pd.DataFrame(columns=[*keys, "runs", *columns])
    of_views = pd.concat(tables).groupby(keys, sort=False)[columns]
    return of_views.mean().assign(runs=of_views.size()).reset_index()[[*keys, "runs", *columns]]


def describe(chosen: dict[str, float]) -> str:
    """The hyper-parameters selected within a run: "c 10, epoch 3"."""
    return ", ".join(f"{name} {value:g}" for name, value in chosen.items())
