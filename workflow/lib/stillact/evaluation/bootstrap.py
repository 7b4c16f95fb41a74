"""Metrics of each model with confidence intervals over images and runs."""

import numpy as np
import pandas as pd

from stillact.core.runs import SMALLEST
from stillact.evaluation.predictions import Predictions, by_model

METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "log_loss")


def intervals(
    predictions: pd.DataFrame,
    *,
    scheme: str,
    subset: str = "test",
    resamples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Each metric, as the mean over a model's runs, with a 95 % bootstrap interval.

    A run is a seed on the holdout split, or a repeat of cross-validation with its folds pooled
    (and a seed of it, where there are several). All runs predict the same images, so images and
    runs are crossed factors, and each is resampled separately: images with all runs, runs with all
    images. A resample adds the two deviations to the value (as variances add; Cameron, Gelbach and
    Miller, "Robust inference with multiway clustering", JBES 29, 2011). Resampling both jointly,
    as the pigeonhole bootstrap does (Owen, Ann. Appl. Stat. 1, 2007), counts the residual variance
    of single predictions three times, this method twice, where once would be correct; with five
    runs it made intervals up to a fifth wider. Of each factor one fewer is drawn than there are,
    which corrects the variance of small samples (Rao and Wu, JASA 83, 1988). Images of one group
    are drawn together. The interval reaches from the 2.5th to the 97.5th percentile.

    It covers other photos and other seeds, given the same training set (holdout) or training sets
    that overlap as these do (cv); with one run it covers other photos only, and with two to five
    runs it is too narrow where the variance between runs is large. For an accuracy of 1 the
    interval has zero width; use `proportions.wilson` there.

    The same `seed` draws the same images for all models with the same number of images.

    Args:
        predictions, scheme, subset: as in `predictions.by_model`.
        resamples: number of bootstrap resamples.
        seed: random seed.

    Returns:
        task, model, scheme, subset, images, runs, metric, value, ci_low, ci_high; one row per
        model and metric. accuracy, balanced_accuracy (mean recall of the classes that occur) and
        macro_f1 (a class neither present nor predicted counts 0) are in [0, 1]; log_loss is in
        nats, 0 or more.

    Raises:
        InputError: as `predictions.by_model`.
    """
    models = by_model(predictions, scheme=scheme, subset=subset)
    rows = []
    for model, given in models.items():
        draws = resample(given, resamples, np.random.default_rng(seed))
        images, runs = int(given.judged.any(0).sum()), len(given.probabilities)
        for metric, value in pooled(given).items():
            low, high = np.nanpercentile(draws[metric], [2.5, 97.5])
            head = predictions["task"].iloc[0], model, scheme, subset
            rows.append((*head, images, runs, metric, value, low, high))
    columns = ["task", "model", "scheme", "subset", "images", "runs", "metric"]
    return pd.DataFrame(rows, columns=[*columns, "value", "ci_low", "ci_high"])


def pooled(given: Predictions) -> dict[str, float]:
    """Each of `METRICS` over all images, as the mean over the runs."""
    images = np.ones((1, given.judged.shape[1]))
    return {name: float(np.mean(score)) for name, score in _scores(given, images).items()}


def resample(given: Predictions, resamples: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Each of `METRICS` in each resample of images and runs, shape (resamples,)."""
    runs, images = given.judged.shape
    seen = given.judged.any(0)
    of_images = np.zeros((resamples, images))
    of_images[:, seen] = draw_images(rng, given.clusters[seen], resamples)
    of_runs = _draw(rng, runs, resamples)
    found, drawn = _scores(given, np.ones((1, images))), _scores(given, of_images)
    draws = {}
    for name, (score,) in found.items():
        by_runs = of_runs @ score / of_runs.sum(1) - score.mean()
        highest = np.inf if name == "log_loss" else 1
        draws[name] = np.clip(np.nanmean(drawn[name], axis=1) + by_runs, 0, highest)
    return draws


def mean(
    scores: np.ndarray,
    clusters: np.ndarray | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[float, float, float]:
    """The mean of a score per run and image, and its 95 % interval as in `intervals`, not clipped
    to the range of the score.

    Args:
        scores: (runs, images), without missing values.
        clusters: (images,) integers, the same for images of one group; None: each one is alone.
        resamples, seed: as for `intervals`.
    """
    rng = np.random.default_rng(seed)
    runs, images = scores.shape
    clusters = np.arange(images) if clusters is None else clusters
    of_images, of_runs = draw_images(rng, clusters, resamples), _draw(rng, runs, resamples)
    value = scores.mean()
    draws = of_images @ scores.mean(0) / of_images.sum(1)
    draws += of_runs @ scores.mean(1) / of_runs.sum(1) - value
    return value, *np.percentile(draws, [2.5, 97.5])


def draw_images(rng: np.random.Generator, clusters: np.ndarray, resamples: int) -> np.ndarray:
    """(resamples, images): how often each image is drawn, images of one cluster together.

    Args:
        rng: random generator.
        clusters: (images,) integers, the same for images that are drawn together.
        resamples: number of resamples.
    """
    names, codes = np.unique(clusters, return_inverse=True)
    return _draw(rng, len(names), resamples)[:, codes]


def _draw(rng: np.random.Generator, count: int, resamples: int) -> np.ndarray:
    """(resamples, count): how often each of `count` is drawn in `count` - 1 draws."""
    draws = max(count - 1, 1)
    return rng.multinomial(draws, np.full(count, 1 / count), size=resamples).astype(float)


def _scores(given: Predictions, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Each metric of each run when image i counts weights[b, i] times, shape (b, runs).

    A metric over no image is NaN.
    """
    judged, predicted = given.judged, given.predicted
    right = predicted == given.labels
    of_truth = given.probabilities[:, range(len(given.labels)), given.labels]
    loss = np.where(judged, -np.log(np.clip(of_truth, SMALLEST, 1)), 0)

    def total(of: np.ndarray) -> np.ndarray:
        return weights @ of.T.astype(float)

    recalls, f1s = [], []
    with np.errstate(invalid="ignore"):  # 0 / 0: no image
        for code in range(len(given.classes)):
            true, claimed = judged & (given.labels == code), predicted == code
            hits, trues, claims = total(right & true), total(true), total(claimed)
            recalls.append(hits / trues)
            f1s.append(2 * hits / np.maximum(trues + claims, 1))
        occurs = np.isfinite(recalls)
        return {
            "accuracy": total(right) / total(judged),
            "balanced_accuracy": np.nansum(recalls, axis=0) / occurs.sum(0),
            "macro_f1": np.where(occurs.any(0), np.mean(f1s, axis=0), np.nan),
            "log_loss": total(loss) / total(judged),
        }
