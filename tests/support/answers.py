"""Predictions of models, made by hand."""

import numpy as np

from stillact.evaluation.predictions import Predictions

CLASSES = ["walking", "sitting", "standing"]


def model(labels: list[int], *runs: list[int | None], sure: float = 0.8) -> Predictions:
    """Of one model, whose runs give these classes, None where one does not judge the photo."""
    cube = np.full((len(runs), len(labels), len(CLASSES)), np.nan)
    for run, codes in enumerate(runs):
        for image, code in enumerate(codes):
            if code is not None:
                cube[run, image] = (1 - sure) / 2
                cube[run, image, code] = sure
    ids = np.array([f"p{i}" for i in range(len(labels))], dtype=object)
    return Predictions(ids, CLASSES, np.array(labels), cube)


def with_probabilities(labels: list[int], *runs: list[list[float]]) -> Predictions:
    ids = np.array([f"p{i}" for i in range(len(labels))], dtype=object)
    return Predictions(ids, CLASSES, np.array(labels), np.array(runs, float))
