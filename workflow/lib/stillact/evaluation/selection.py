"""One model chosen on photos that are not tested on, and what that way of choosing is worth."""

import math

import numpy as np
import pandas as pd

from stillact.core.runs import INNER, Run
from stillact.evaluation import bootstrap
from stillact.evaluation.calibration import apply_temperature, fit_temperature, log_loss
from stillact.evaluation.predictions import FOLD, SMALLEST, Predictions, by_model, rows_of

SELECTED = "selected"  # the model that is whichever one was chosen, run by run
OF_RUN = ["split", "seed"]
HOLDOUT = "holdout"


def scores(predictions: pd.DataFrame, candidates: list[str], by: str) -> pd.DataFrame:
    """How each candidate does in each run on photos that it does not test on, and which one that
    chooses; see `_chosen`.

    Nothing here looks at a test photo. On the folds those compete that are cross-validated, in the
    repeats that all of them have.

    Args:
        predictions: task, model, split, seed, subset, image_id, label, prob_<class>..., one task.
        candidates: models, the simplest first.
        by: "log_loss" or "accuracy".

    Returns:
        split, seed, model, images (that it is judged on), log_loss (nats), accuracy (0 to 1),
        chosen; in the order of the runs and the candidates. One model of each run (split and seed)
        is chosen.
    """
    judged = _judged(predictions, candidates)
    per_model = judged.groupby([*OF_RUN, "model"], observed=True)
    table = per_model.agg(
        images=("image_id", "nunique"), log_loss=("log_loss", "mean"), accuracy=("accuracy", "mean")
    ).reset_index()
    chosen = {run: _chosen(photos, by) for run, photos in judged.groupby(OF_RUN, sort=False)}
    of_run = pd.MultiIndex.from_frame(table[OF_RUN]).map(chosen)
    return table.assign(model=table["model"].astype(str), chosen=table["model"] == of_run)


def _judged(predictions: pd.DataFrame, candidates: list[str]) -> pd.DataFrame:
    """The candidates' answers on photos not tested on, in the runs that are compared: split, seed,
    subset, image_id, model (a category in the order of the candidates), log_loss, accuracy (0 or
    1)."""
    rows = predictions[
        predictions["subset"].isin(["validation", INNER]) & predictions["model"].isin(candidates)
    ]
    rows = rows[rows["split"].isin(_comparable(rows))]
    probabilities, labels = _probabilities(rows)
    of_truth = np.maximum(probabilities[range(len(rows)), labels], SMALLEST)
    return rows[[*OF_RUN, "subset", "image_id"]].assign(
        model=pd.Categorical(rows["model"], candidates),
        log_loss=-np.log(of_truth),
        accuracy=(probabilities.argmax(1) == labels).astype(float),
    )


def _probabilities(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Of rows of a predictions table: float64 (rows, classes), and the place of each label."""
    columns = [column for column in rows if column.startswith("prob_")]
    return rows[columns].to_numpy(), pd.Index(columns).get_indexer("prob_" + rows["label"])


def _chosen(judged: pd.DataFrame, by: str) -> str:
    """Of the candidates with answers of an inner cross-validation (`runs.INNER`) the best one on
    those and validation: nearly all photos, and far more than validation has. On the validation
    photos it stands first among the others; see `_first_of_the_best`."""
    inner = judged.loc[judged["subset"] == INNER, "model"].unique()
    has = judged["model"].isin(inner)
    if len(inner):
        found = judged[has].groupby("model", observed=True)[by].mean()
        best = found.idxmax() if by == "accuracy" else found.idxmin()
        judged = judged[~has | (judged["model"] == best)]
        others = [model for model in judged["model"].cat.categories if model != best]
        judged = judged.assign(model=judged["model"].cat.reorder_categories([best, *others]))
    return _first_of_the_best(judged[judged["subset"] == "validation"], by)


def _first_of_the_best(judged: pd.DataFrame, by: str) -> str:
    """The first candidate that is within a standard error of the best one.

    On a few dozen photos the best of many is the luckiest; the simplest of those that the photos
    cannot tell from it is the steadier choice (the rule of one standard error, Breiman et al. 1984,
    here of the difference on the same photos).
    """
    of_photo = judged.pivot_table(by, "image_id", "model", observed=True)  # the mean of its runs
    behind = -of_photo if by == "accuracy" else of_photo
    behind = behind.sub(behind[behind.mean().idxmin()], axis=0)
    return str((behind.mean() <= behind.sem().fillna(0)).idxmax())


def _comparable(rows: pd.DataFrame) -> set[str]:
    """The holdout, and the folds of those repeats that all cross-validated candidates have."""
    folds = rows["split"].str.extract(FOLD)["repeat"]
    of_repeat = rows[folds.notna()].groupby(folds.dropna())["model"].agg(frozenset)
    every = frozenset().union(*of_repeat)
    whole = [repeat for repeat, models in of_repeat.items() if models == every]
    return {HOLDOUT, *rows.loc[folds.isin(whole), "split"]}


def selected(predictions: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """The predictions of the model `SELECTED`: in each run those of the one that was chosen.

    Args:
        predictions: as for `scores`.
        table: of `scores`.
    """
    chosen = table.loc[table["chosen"], [*OF_RUN, "model"]]
    return predictions.merge(chosen, on=[*OF_RUN, "model"]).assign(model=SELECTED)


def recipes(predictions: pd.DataFrame, models: dict[str, str]) -> pd.DataFrame:
    """Every recipe beside the others, on the holdout and cross-validated.

    Args:
        predictions: as for `scores`, with the rows of `selected`.
        models: the recipe of each model to tell of.

    Returns:
        A row a model and scheme, in each scheme the most accurate first: scheme (cv, holdout),
        model, recipe, images, runs; accuracy and log_loss (nats) with 95 % intervals as
        `bootstrap.intervals` gives them; accuracy_averaged: of the mean of the runs'
        probabilities, on the holdout.
    """
    predictions = predictions[predictions["model"].isin([*models, SELECTED])]
    rows = []
    for scheme in ("cv", HOLDOUT):
        table = bootstrap.intervals(predictions, scheme=scheme)
        given = by_model(predictions, scheme=scheme)
        for model, found in table.groupby("model", sort=False):
            row = {"scheme": scheme, "model": model, "recipe": models.get(model, SELECTED)}
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


def to_deploy(predictions: pd.DataFrame, candidates: list[str], by: str, accuracy: float) -> dict:
    """The model to use on new photos, its run, and how its probabilities are to be taken.

    The model is chosen over all folds of those that are cross-validated, as `scores` chooses in
    each, or over the holdout's seeds where none is; its run is the seed that does best on the
    holdout's validation photos.

    Args:
        predictions, candidates, by: as for `scores`.
        accuracy: 0 to 1, at which it is to answer; see `threshold`.

    Returns:
        model, seed; chosen_on (cv or holdout); temperature, fitted on all its validation answers
        there; threshold; validation: images, answers, accuracy, log_loss before and after the
        temperature, answered (the share not below the threshold).
    """
    judged = _judged(predictions, candidates)
    folds = judged[judged["split"] != HOLDOUT]
    scheme, compared = ("cv", folds) if len(folds) else (HOLDOUT, judged)
    model = _chosen(compared, by)
    own = judged[(judged["model"] == model) & (judged["split"] == HOLDOUT)]
    own = own.groupby("seed")[by].mean().sort_values(ascending=by == "log_loss", kind="stable")

    rows = rows_of(predictions, scheme=scheme, subset="validation")
    rows = rows[rows["model"] == model]
    probabilities, labels = _probabilities(rows)
    temperature = fit_temperature(probabilities, labels)
    scaled = apply_temperature(probabilities, temperature)
    right, confidence = scaled.argmax(1) == labels, scaled.max(1)
    limit = threshold(confidence, right, accuracy)
    return {
        "model": model,
        "seed": int(own.index[0]),
        "chosen_on": scheme,
        "temperature": temperature,
        "threshold": limit,
        "validation": {
            "images": int(rows["image_id"].nunique()),
            "answers": len(rows),
            "accuracy": float(right.mean()),
            "log_loss": log_loss(probabilities, labels),
            "log_loss_scaled": log_loss(scaled, labels),
            "answered": float((confidence >= limit).mean()),
        },
    }


def threshold(confidence: np.ndarray, right: np.ndarray, accuracy: float) -> float:
    """The lowest confidence such that the answers not below it are right at a rate of `accuracy`.

    Args:
        confidence: (answers,), probability of the predicted class. right: (answers,), bool.
        accuracy: 0 to 1.

    Returns:
        In [0, 1]; just above 1 where no answer is sure enough.
    """
    order = np.argsort(-confidence, kind="stable")
    rate = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    last_of_equals = np.append(confidence[order][1:] != confidence[order][:-1], True)
    enough = np.flatnonzero((rate >= accuracy) & last_of_equals)
    return float(confidence[order][enough[-1]]) if len(enough) else math.nextafter(1, 2)


def views(histories: dict[Run, pd.DataFrame]) -> pd.DataFrame:
    """How each view of a photo does by itself, and the mean of all, on the validation photos.

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
    """The hyper-parameters that a run has chosen for itself: "c 10, epoch 3"."""
    return ", ".join(f"{name} {value:g}" for name, value in chosen.items())
