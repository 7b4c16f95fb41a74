"""A baseline without pixels: what the boxes of the people in a photo say of its class.

It is what a model can reach by noticing how many people there are, how large and where.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stillact.data.boxes import Box, clipped
from stillact.data.manifest import parse_boxes
from stillact.evaluation import bootstrap
from stillact.evaluation.answer import Geometry

FEATURES = ["aspect", "people", "nobody", "area", "box_aspect", "width", "height"]
FEATURES += ["x", "y", "top", "bottom", "second", "covered"]


def features(people: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """Numbers that describe the boxes of each photo, by image_id; boxes are clipped to the photo.

    Args:
        people: of rule people: id, person_boxes.
        images: images.csv: id, status, width and height in pixels of the upright photo.

    Returns:
        Of the available photos, the `FEATURES`: log of the photo's aspect ratio; log of 1 + number
        of boxes; 1 without a box; and of the largest box the logs of its share of the photo and of
        its aspect ratio, width, height, centre, top and bottom as shares of the photo's sides, the
        area of the second largest box relative to it, and the sum of the areas of all boxes
        relative to the photo. Without a box, those of the boxes are 0.
    """
    boxes = people.set_index("id")["person_boxes"]
    rows = {
        photo.id: _described(parse_boxes(boxes[photo.id]), photo.width, photo.height)
        for photo in images[images["status"] == "ok"].itertuples()
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=FEATURES)


def _described(boxes: Sequence[Box], width: float, height: float) -> list[float]:
    aspect = np.log(width / height)
    areas = sorted(((box.area, box) for box in clipped(boxes, width, height)), reverse=True)
    if not areas:
        return [aspect, 0, 1, *[0] * (len(FEATURES) - 3)]
    (area, largest), photo = areas[0], width * height
    return [
        aspect,
        np.log1p(len(areas)),
        0,
        np.log(area / photo),
        np.log(largest.width / largest.height),
        largest.width / width,
        largest.height / height,
        (largest.left + largest.right) / 2 / width,
        (largest.top + largest.bottom) / 2 / height,
        largest.top / height,
        largest.bottom / height,
        areas[1][0] / area if len(areas) > 1 else 0,
        sum(area for area, _ in areas) / photo,
    ]


def baseline(described: pd.DataFrame, folds: pd.DataFrame) -> Geometry | None:
    """The accuracy of a logistic regression on standardised `features`, of one repeat of
    cross-validation; scikit-learn's default penalty.

    Args:
        described: from `features`, of these photos at least.
        folds: of rule splits: image_id, label, group, repeat, fold.

    Returns:
        None if no photo has a box, or a fold's training photos are of one class.
    """
    first = folds[folds["repeat"] == folds["repeat"].min()]
    given = described.loc[first["image_id"]]
    labels, fold = first["label"].to_numpy(), first["fold"].to_numpy()
    right = np.zeros(len(first))
    if given["nobody"].all():
        return None
    for tested in (fold == one for one in np.unique(fold)):
        if len(set(labels[~tested])) < 2:
            return None
        fitted = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        fitted.fit(given.to_numpy()[~tested], labels[~tested])
        right[tested] = fitted.predict(given.to_numpy()[tested]) == labels[tested]
    accuracy, low, high = bootstrap.mean(right[None], pd.factorize(first["group"])[0])
    return Geometry(
        accuracy=accuracy, low=low, high=high, with_boxes=int((given["nobody"] == 0).sum())
    )
