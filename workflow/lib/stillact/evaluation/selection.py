"""Model selection without the test photos, and the accuracy of the selection procedure."""

import math

import numpy as np
import pandas as pd

from stillact.core.runs import INNER, Run
from stillact.evaluation import bootstrap
from stillact.evaluation.calibration import apply_temperature, fit_temperature, log_loss
from stillact.evaluation.predictions import FOLD, SMALLEST, Predictions, by_model, rows_of

SELECTED = "selected"  # the name of the model that is selected separately in each run
OF_RUN = ["split", "seed"]
HOLDOUT = "holdout"


def scores(predictions: pd.DataFrame, candidates: list[str], by: str) -> pd.DataFrame:
    """Scores of each candidate in each run without its test photos, and the selected one; see
    `_chosen`.

    No test photo is used. On folds the cross-validated candidates are compared, in the repeats that
    all of them have.

    Args:
        predictions: task, model, split, seed, subset, image_id, label, prob_<class>..., one task.
        candidates: models, the simplest first.
        by: "log_loss" or "accuracy".

    Returns:
        split, seed, model, images (number evaluated on), log_loss (nats), accuracy (0 to 1),
        chosen; in the order of the runs and the candidates. One model per run (split and seed) is
        chosen.
    """
    scored = _scored(predictions, candidates)
    per_model = scored.groupby([*OF_RUN, "model"], observed=True)
    table = per_model.agg(
        images=("image_id", "nunique"), log_loss=("log_loss", "mean"), accuracy=("accuracy", "mean")
    ).reset_index()
    chosen = {run: _chosen(photos, by) for run, photos in scored.groupby(OF_RUN, sort=False)}
    of_run = pd.MultiIndex.from_frame(table[OF_RUN]).map(chosen)
    return table.assign(model=table["model"].astype(str), chosen=table["model"] == of_run)


def _scored(predictions: pd.DataFrame, candidates: list[str]) -> pd.DataFrame:
    """The candidates' scores on validation photos, in the runs that are compared: split, seed,
    subset, image_id, model (categorical, in the order of the candidates), log_loss, accuracy (0 or
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
    """From rows of a predictions table: float64 (rows, classes), and the index of each label."""
    columns = [column for column in rows if column.startswith("prob_")]
    return rows[columns].to_numpy(), pd.Index(columns).get_indexer("prob_" + rows["label"])


def _chosen(scored: pd.DataFrame, by: str) -> str:
    """The selected candidate. Of those with an inner cross-validation (`runs.INNER`), the best one
    on inner and validation predictions together: nearly all photos, far more than validation alone.
    It then competes as the first candidate on the validation photos; see `_first_of_the_best`."""
    inner = scored.loc[scored["subset"] == INNER, "model"].unique()
    has = scored["model"].isin(inner)
    if len(inner):
        found = scored[has].groupby("model", observed=True)[by].mean()
        best = found.idxmax() if by == "accuracy" else found.idxmin()
        scored = scored[~has | (scored["model"] == best)]
        others = [model for model in scored["model"].cat.categories if model != best]
        scored = scored.assign(model=scored["model"].cat.reorder_categories([best, *others]))
    return _first_of_the_best(scored[scored["subset"] == "validation"], by)


def _first_of_the_best(scored: pd.DataFrame, by: str) -> str:
    """The first candidate within one standard error of the best one.

    On a few dozen photos the best of many candidates is best partly by chance; the simplest one
    that does not differ clearly from it is the more stable choice (one-standard-error rule, Breiman
    et al. 1984, here for the paired difference on the same photos).
    """
    of_photo = scored.pivot_table(by, "image_id", "model", observed=True)  # the mean of its runs
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
    """The predictions of the model `SELECTED`: in each run those of the selected candidate.

    Args:
        predictions: as for `scores`.
        table: of `scores`.
    """
    chosen = table.loc[table["chosen"], [*OF_RUN, "model"]]
    return predictions.merge(chosen, on=[*OF_RUN, "model"]).assign(model=SELECTED)


def recipes(predictions: pd.DataFrame, models: dict[str, str]) -> pd.DataFrame:
    """Comparison of all recipes, on the holdout split and cross-validated.

    Args:
        predictions: as for `scores`, with the rows of `selected`.
        models: the recipe of each model to include.

    Returns:
        One row per model and scheme, in each scheme the most accurate first: scheme (cv, holdout),
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
    """The model to deploy, its run, its temperature and its threshold for abstaining.

    The model is selected over all folds of the cross-validated candidates, by the criterion of
    `scores`, or over the holdout's seeds where none is cross-validated; its run is the seed with
    the best score on the holdout's validation photos.

    Args:
        predictions, candidates, by: as for `scores`.
        accuracy: 0 to 1, the accuracy required of predictions above the threshold; see `threshold`.

    Returns:
        model, seed; chosen_on (cv or holdout); temperature, fitted on all its validation
        predictions there; threshold; validation: images, answers, accuracy, log_loss before and
        after temperature scaling, answered (the share not below the threshold).
    """
    scored = _scored(predictions, candidates)
    folds = scored[scored["split"] != HOLDOUT]
    scheme, compared = ("cv", folds) if len(folds) else (HOLDOUT, scored)
    model = _chosen(compared, by)
    own = scored[(scored["model"] == model) & (scored["split"] == HOLDOUT)]
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
    """The lowest confidence such that predictions at or above it have at least this accuracy.

    Args:
        confidence: (predictions,), probability of the predicted class. right: (predictions,), bool.
        accuracy: 0 to 1.

    Returns:
        In [0, 1]; just above 1 where no threshold reaches the accuracy.
    """
    order = np.argsort(-confidence, kind="stable")
    rate = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    last_of_equals = np.append(confidence[order][1:] != confidence[order][:-1], True)
    enough = np.flatnonzero((rate >= accuracy) & last_of_equals)
    return float(confidence[order][enough[-1]]) if len(enough) else math.nextafter(1, 2)


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
