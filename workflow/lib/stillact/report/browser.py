"""Data of the report's photo browser: photos with the predictions of each model."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from stillact.core.probabilities import prob_columns
from stillact.data.fetch.cache import cached
from stillact.figures.saliency import coloured
from stillact.report.thumbnails import data_uri, thumbnail

PHOTOS = 1000  # maximum, of about 9 kB each, which limits the size of the page
HARD = 500  # of these: the ones that models misclassify; the others are a sample of the rest


def answers(
    predictions: pd.DataFrame, models: Sequence[str], classes: Sequence[str]
) -> dict[str, pd.DataFrame]:
    """Predictions of each model for each photo that it was not trained on, averaged over its runs.

    Args:
        predictions: the predictions table of a task.
        models: names of the models to include.
        classes: of the task.

    Returns:
        For "test" and "validation" (of the holdout split) and "cross-validation" (a photo is
        predicted by the runs whose test fold it is in), where available: image_id, label, model,
        and prob_<class> in [0, 1], by photo and model.
    """
    holdout, subset = predictions["split"] == "holdout", predictions["subset"]
    chosen = {
        "test": holdout & (subset == "test"),
        "validation": holdout & (subset == "validation"),
        "cross-validation": ~holdout & (subset == "test"),
    }
    tables = {}
    for name, rows in chosen.items():
        table = predictions[rows & predictions["model"].isin(models)]
        if len(table):
            means = table.groupby(["image_id", "label", "model"])[prob_columns(classes)].mean()
            tables[name] = means.reset_index()
    return tables


def photos(
    tables: Mapping[str, pd.DataFrame],
    models: Sequence[str],
    classes: Sequence[str],
    images: pd.DataFrame,
    cache: Path,
    overlays: Mapping[str, Mapping[str, list]] | None = None,
) -> dict:
    """Photos, thumbnails and predictions in the format of the report's script.

    Args:
        tables: from `answers`.
        models, classes: in the order shown.
        images: images.csv: id, url, sha256.
        cache: folder of the photos.
        overlays: from `overlays`, by model.

    Returns:
        models, classes; photos, a list of {id, url, label, thumbnail (a data URI)}, those of
        `_selected`; overlays, for each model those of its photos by index; left_out, the number of
        other photos; misclassified, by any model, of all photos, and hard, of those selected as
        such; groups, for each table its name and photos, a list of [index in photos, answers],
        where answers has for each model its probability of each class in millionths, or None where
        the model has no prediction for the photo.

    Raises:
        InputError: a photo is not in the cache.
    """
    labels = {}
    for table in tables.values():
        labels |= dict(zip(table["image_id"], table["label"], strict=True))
    doubts = _doubts(tables, classes)
    hard, chosen = _selected(doubts)
    place = {image: i for i, image in enumerate(i for i in labels if i in chosen)}
    of = images.set_index("id")
    return {
        "models": list(models),
        "classes": list(classes),
        "photos": [
            {
                "id": i,
                "url": of.loc[i, "url"],
                "label": labels[i],
                "thumbnail": thumbnail(cached(cache, of.loc[i, "sha256"])),
            }
            for i in place
        ],
        "overlays": {
            model: {place[image]: shown for image, shown in found.items() if image in place}
            for model, found in (overlays or {}).items()
        },
        "left_out": len(labels) - len(place),
        "misclassified": int(doubts["wrong"].sum()),
        "hard": hard,
        "groups": [
            {"name": name, "photos": _answered(table, models, classes, place)}
            for name, table in tables.items()
        ],
    }


def _doubts(tables: Mapping[str, pd.DataFrame], classes: Sequence[str]) -> pd.DataFrame:
    """Of each photo, by id: sure, the mean probability of its label, and wrong, whether any model
    predicts another class."""
    columns = ["image_id", "label", *prob_columns(classes)]
    table = pd.concat([pd.DataFrame(columns=columns), *(one[columns] for one in tables.values())])
    probabilities = table[prob_columns(classes)].to_numpy(float)
    truth = pd.Categorical(table["label"], classes).codes
    told = pd.DataFrame(
        {
            "image_id": table["image_id"].to_numpy(),
            "sure": probabilities[np.arange(len(table)), truth],
            "wrong": probabilities.argmax(1) != truth,
        }
    )
    return told.groupby("image_id").agg({"sure": "mean", "wrong": "any"})


def _selected(doubts: pd.DataFrame) -> tuple[int, set[str]]:
    """The photos to show: all, if they are at most `PHOTOS`; or `HARD` of those that a model
    misclassifies, of the lowest mean probability of their label, which are the suspect and
    difficult ones, and a random sample of the others. How many are of the former; all ids."""
    if len(doubts) <= PHOTOS:
        return int(doubts["wrong"].sum()), {*doubts.index}
    hard = doubts[doubts["wrong"]].sort_values("sure", kind="stable").index[:HARD]
    others = doubts.index.difference(hard).to_series()
    return len(hard), {*hard, *others.sample(PHOTOS - len(hard), random_state=0)}


def _answered(table, models, classes, place) -> list:
    # Fewer digits would create ties, and so other predictions, for probabilities that are close.
    millionths = (1e6 * table[prob_columns(classes)]).round().astype(int).to_numpy().tolist()
    given = dict(zip(zip(table["image_id"], table["model"], strict=True), millionths, strict=True))
    ids = [image for image in dict.fromkeys(table["image_id"]) if image in place]
    return [[place[image], [given.get((image, model)) for model in models]] for image in ids]


def overlays(
    maps: Mapping[str, np.ndarray],
    answers: pd.DataFrame,
    classes: Sequence[str],
    images: pd.DataFrame,
) -> dict[str, list]:
    """The saliency map of the predicted class of each photo, as an overlay.

    Args:
        maps: image_ids, (photos,); grids, (photos, classes, rows, columns), 0 to 1; regions,
            (photos, 4): left, top, width, height of the field of view, in pixels of the photo.
        answers: image_id, predicted; a photo may occur several times.
        classes: of the task.
        images: images.csv: id, width, height.

    Returns:
        By image_id: a data URI, then left, top, width and height in percent of the photo.
    """
    answer = dict(zip(answers["image_id"], answers["predicted"], strict=True))
    size = images.set_index("id")[["width", "height"]]
    made = {}
    for i, image in enumerate(maps["image_ids"][: len(maps["grids"])]):
        grid = maps["grids"][i][list(classes).index(answer[image])]
        percent = 100 * maps["regions"][i] / np.tile(size.loc[image].to_numpy(float), 2)
        pixels = (255 * coloured(grid)).round().astype(np.uint8)
        png = io.BytesIO()
        Image.fromarray(pixels).save(png, "PNG", optimize=True)
        made[image] = [data_uri("png", png.getvalue()), *percent.round(2).tolist()]
    return made
