"""Saliency metrics averaged over photos, and example photos."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from stillact.core.probabilities import classes_of, most_probable, prob_column, prob_columns
from stillact.evaluation import bootstrap

LOCATED = ("pointing", "energy", "rank_accuracy")  # metrics whose chance level is the area
METRICS = (*LOCATED, "insertion", "deletion", "rank_correlation")
ANSWERS = ("all", "right", "wrong")
COLUMNS = ["model", "method", "answers", "metric", "photos", "value", "ci_low", "ci_high"]
COLUMNS += ["chance", "centre"]


def summarise(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The mean of each metric over photos, with its 95 % bootstrap interval; photos of one group
    are drawn together.

    Args:
        tables: from `maps.of_run`, by model.

    Returns:
        model, method, answers (all, right or wrong: photos by the model's prediction), metric,
        photos (their number), value, ci_low, ci_high; chance, the mean area of people, and centre,
        the value of the centred Gaussian, for the metrics of `LOCATED`. No row without photos, and
        no interval with one photo or one group.
    """
    rows = []
    for model, table in tables.items():
        right = table["label"] == table["predicted"]
        for answers, chosen in zip(ANSWERS, (right | True, right, ~right), strict=True):
            groups = dict(list(table[chosen].groupby("method", sort=False)))
            for method, group in groups.items():
                head = model, method, answers
                rows += [(*head, *row) for row in _values(group, groups.get("centre"))]
    return pd.DataFrame(rows, columns=COLUMNS)


def _values(group: pd.DataFrame, centre: pd.DataFrame | None) -> list[tuple]:
    rows = []
    for metric in METRICS:
        known_of = group[group[metric].notna()]
        values = known_of[metric].to_numpy(float)
        if not len(values):
            continue
        clusters = pd.factorize(known_of["group"])[0]
        mean, low, high = bootstrap.mean(values[None], clusters)
        if clusters.max() < 1:
            low = high = np.nan
        known = metric in LOCATED
        chance = group["person_area"].mean() if known else np.nan
        middle = centre[metric].mean() if known and centre is not None else np.nan
        rows.append((metric, len(values), mean, low, high, chance, middle))
    return rows


def notes(tables: Mapping[str, pd.DataFrame], reasons: Mapping[str, str]) -> pd.DataFrame:
    """Reasons for missing values: model, note; one row per model with missing values.

    Args:
        tables: from `maps.of_run`, by model.
        reasons: the notes of the runs, or ''.
    """
    rows = []
    for model, table in tables.items():
        if reasons[model]:
            rows.append((model, f"{model} is not looked into: {reasons[model]}."))
        elif table["person_area"].isna().all():
            rows.append(
                (
                    model,
                    f"No test photo has a person box within what {model} sees, so it cannot be "
                    "said whether it looks at the person; boxes come from the manifest's column "
                    "person_boxes.",
                )
            )
    return pd.DataFrame(rows, columns=["model", "note"])


def best(summary: pd.DataFrame, task: str, models: Sequence[str]) -> str:
    """The model with the highest accuracy on the validation photos; the first one in case of ties.

    Args:
        summary: from `metrics.summarise`.
        task: name of the task.
        models: the candidates.
    """
    rows = summary.query("task == @task and subset == 'validation' and metric == 'accuracy'")
    return rows.set_index("model")["mean"].loc[list(models)].idxmax()


def examples(predictions: pd.DataFrame, model: str, seed: int) -> pd.DataFrame:
    """Example photos for the maps of a run: per class the test photo with the run's highest
    probability of the true class, and the test photo with the lowest mean over all models.

    Args:
        predictions: the predictions table of the task.
        model, seed: of the run.

    Returns:
        why (a class, or "hard"), image_id, label, predicted and the run's prob_<class>...; a class
        without a test photo has no row.
    """
    test = predictions.query("split == 'holdout' and subset == 'test'")
    classes = classes_of(test)
    test = test.assign(
        predicted=most_probable(test),
        truth=[row[prob_column(row["label"])] for _, row in test.iterrows()],
    )
    own = test.query("model == @model and seed == @seed")
    surest = own.sort_values(["truth", "image_id"], ascending=[False, True])
    chosen = [(label, surest[surest["label"] == label].head(1)) for label in classes]
    hard = test.groupby("image_id")["truth"].mean().idxmin()
    chosen.append(("hard", own[own["image_id"] == hard]))
    table = pd.concat([rows.assign(why=why) for why, rows in chosen])
    return table[["why", "image_id", "label", "predicted", *prob_columns(classes)]].reset_index(
        drop=True
    )
