"""Calibration of predicted probabilities, and temperature scaling."""

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from scipy.stats import beta

from stillact.core.probabilities import classes_of, prob_columns
from stillact.core.runs import SMALLEST
from stillact.evaluation.predictions import Predictions, by_model, rows_of

RUN = ["task", "model", "split", "seed"]
HEAD = ["task", "model", "scheme", "subset"]
TEMPERATURES = (0.2, 20.0)  # bounds: on a few validation photos, all correct, it would tend to 0


def scores(
    predictions: pd.DataFrame,
    *,
    scheme: str,
    subset: str = "test",
    bins: int = 10,
    draws: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Log loss, Brier score and calibration error of each model, each the mean over its runs.

    The calibration error of a perfectly calibrated model is positive too, and larger for fewer
    images. The table therefore contains its expected value under perfect calibration with these
    confidences: correctness is simulated from them. The runs share the random numbers per image,
    as they share the images.

    Args:
        predictions, scheme, subset: as in `predictions.by_model`.
        bins: of `calibration_error`.
        draws: number of simulations. seed: random seed.

    Returns:
        task, model, scheme, subset, images, runs; log_loss (nats, 0 or more), brier ([0, 2]), ece
        ([0, 1]); calibrated_mean, calibrated_low, calibrated_high: ece under perfect calibration
        and its 95 % band; an ece within the band is no evidence of miscalibration.

    Raises:
        InputError: as `predictions.by_model`.
    """
    rows = []
    for model, given in by_model(predictions, scheme=scheme, subset=subset).items():
        uniform = np.random.default_rng(seed).random((draws, len(given.labels)))
        found, calibrated = [], np.zeros(draws)
        for seen, probabilities, labels in _runs(given):
            confidence, right = _top(probabilities, labels)
            ece = calibration_error(confidence, right, bins)
            found.append((log_loss(probabilities, labels), brier(probabilities, labels), ece))
            calibrated += calibration_error(confidence, uniform[:, seen] < confidence, bins)
        calibrated /= len(found)
        band = calibrated.mean(), *np.percentile(calibrated, [2.5, 97.5])
        head = predictions["task"].iloc[0], model, scheme, subset
        images = int(given.judged.any(0).sum())
        rows.append((*head, images, len(found), *np.mean(found, axis=0), *band))
    numbers = ["images", "runs", "log_loss", "brier", "ece"]
    band = ["calibrated_mean", "calibrated_low", "calibrated_high"]
    return pd.DataFrame(rows, columns=[*HEAD, *numbers, *band])


def reliability(
    predictions: pd.DataFrame,
    *,
    scheme: str,
    subset: str = "test",
    bins: int = 10,
    draws: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """The points of each model's reliability diagram, predictions of all its runs pooled.

    Args:
        predictions, scheme, subset, bins, draws, seed: as in `scores`.

    Returns:
        task, model, scheme, subset, bin (from 0, ascending); confidence, the mean over the bin's
        predictions, and accuracy, the share of correct ones, in [0, 1]; answers, their number;
        calibrated_low, calibrated_high: the 95 % band of the accuracy under perfect calibration,
        with random numbers per image shared by the runs (the consistency bars of Bröcker and
        Smith, "Increasing the reliability of reliability diagrams", Weather and Forecasting 22,
        2007). Bins that ties leave empty are omitted.

    Raises:
        InputError: as `predictions.by_model`.
    """
    rows = []
    for model, given in by_model(predictions, scheme=scheme, subset=subset).items():
        uniform = np.random.default_rng(seed).random((draws, len(given.labels)))
        head = predictions["task"].iloc[0], model, scheme, subset
        rows += [
            (*head, place, *point) for place, point in enumerate(_points(given, bins, uniform))
        ]
    numbers = ["confidence", "accuracy", "answers", "calibrated_low", "calibrated_high"]
    return pd.DataFrame(rows, columns=[*HEAD, "bin", *numbers])


def _points(given: Predictions, bins: int, uniform: np.ndarray) -> Iterator[tuple]:
    """Confidence, accuracy, number of predictions and band of `reliability`, per bin.

    Args:
        uniform: (draws, images), in [0, 1]: a prediction is correct where this is below its
            confidence.
    """
    runs = [(seen, *_top(of_run, labels)) for seen, of_run, labels in _runs(given)]
    confidence, right = (np.concatenate([run[i] for run in runs]) for i in (1, 2))
    member = _membership(confidence, bins)
    member = member[:, member.any(0)]
    counts = member.sum(0)
    ends = np.cumsum([len(seen) for seen, _, _ in runs])[:-1]
    simulated = sum(
        (uniform[:, seen] < of_run) @ of_bin
        for (seen, of_run, _), of_bin in zip(runs, np.split(member, ends), strict=True)
    )
    band = np.percentile(simulated / counts, [2.5, 97.5], axis=0)
    found = confidence @ member / counts, right @ member / counts
    return zip(*found, counts.astype(int), *band, strict=True)


def temperature_scaled(predictions: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Temperature scaling of the test rows, as the deployed model's: one temperature per run,
    fitted on out-of-fold predictions of photos that the run does not test.

    For a fold these are the test rows of the other folds of its repeat; for the holdout split those
    of all repeats, without its test photos. Validation rows are not used: a few dozen photos, on
    which early stopping makes a model look better, raise the log loss more often than they lower
    it. A model that is not cross-validated is omitted.

    Args:
        predictions: as in `predictions.by_model`.

    Returns:
        The test rows, other columns and order as in `predictions`; and the temperatures: task,
        model, split, seed, temperature.
    """
    predictions = predictions.reset_index(drop=True)
    classes = pd.Index(classes_of(predictions))
    columns = prob_columns(classes)
    tested = predictions[predictions["subset"] == "test"]
    folds = rows_of(predictions, scheme="cv", subset="test")
    scaled, temperatures = [], []
    for run, test in tested.groupby(RUN, sort=False):
        others = folds[(folds["model"] == run[1]) & ~folds["image_id"].isin(test["image_id"])]
        if run[2] != "holdout":
            others = others[(others["repeat"] == folds["repeat"].get(test.index[0]))]
        if others.empty:
            continue
        codes = classes.get_indexer(others["label"])
        temperature = fit_temperature(others[columns].to_numpy(), codes)
        temperatures.append((*run, temperature))
        rescaled = apply_temperature(test[columns].to_numpy(), temperature)
        scaled.append(test.assign(**dict(zip(columns, rescaled.T, strict=True))))
    rows = pd.concat(scaled).sort_index() if scaled else predictions.iloc[:0]
    return rows, pd.DataFrame(temperatures, columns=[*RUN, "temperature"])


def fit_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The temperature T, within `TEMPERATURES`, that minimises the log loss of softmax(log p / T)
    (Guo et al., "On calibration of modern neural networks", ICML 2017).

    T > 1: the model was overconfident. For uniform probabilities T = 1.

    Args:
        probabilities: (images, classes). labels: (images,) indices of classes.
    """
    logs = np.log(np.maximum(probabilities, SMALLEST))
    if np.allclose(logs, logs[:, :1]):
        return 1.0

    def loss(log_temperature: float) -> float:
        logits = log_softmax(logs / np.exp(log_temperature), axis=1)
        return -logits[range(len(labels)), labels].mean()

    found = minimize_scalar(loss, bounds=np.log(TEMPERATURES), method="bounded")
    return float(np.exp(found.x))


def apply_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """softmax(log p / T), shape (images, classes); does not change the predicted class."""
    return softmax(np.log(np.maximum(probabilities, SMALLEST)) / temperature, axis=1)


def threshold(confidence: np.ndarray, right: np.ndarray, accuracy: float, photos: float) -> float:
    """The lowest confidence such that predictions at or above it are shown to reach an accuracy.

    Shown means that the lower end of the one-sided 90 % interval of their accuracy (Clopper and
    Pearson, Biometrika 26, 1934) is not below it. The lowest threshold whose observed accuracy
    suffices is optimistic: with calibrated probabilities, the accuracy on new photos falls short of
    it in more than half of simulated studies, and with the interval in at most a tenth.

    Args:
        confidence: (predictions,), probability of the predicted class.
        right: (predictions,), whether it is the true class.
        accuracy: required, 0 to 1.
        photos: number of independent photos among the predictions, which may be fewer.

    Returns:
        In [0, 1]; just above 1 where no threshold is shown to reach the accuracy.
    """
    order = np.argsort(-confidence, kind="stable")
    share = photos / len(order)
    made, hits = share * np.arange(1, len(order) + 1), share * np.cumsum(right[order])
    low = np.where(hits > 0, beta.ppf(0.1, hits, made - hits + 1), 0)
    last_of_equals = np.append(confidence[order][1:] != confidence[order][:-1], True)
    enough = np.flatnonzero((low >= accuracy) & last_of_equals)
    return float(confidence[order][enough[-1]]) if len(enough) else math.nextafter(1, 2)


def set_limit(true: np.ndarray, coverage: float, photos: int) -> float:
    """The probability from which on a class belongs to the prediction set of a photo, such that
    sets contain the true class of at least a share of new photos.

    Split conformal prediction (Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random
    World", 2005) with the probability of the true class as score, which gives the smallest sets
    (Sadinle, Lei and Wasserman, JASA 114, 2019). The guarantee is of photos that are exchangeable
    with the labelled ones, over the draw of both.

    Args:
        true: (predictions,), out-of-fold probability of the true class.
        coverage: share of the new photos whose set has the true class, 0 to 1.
        photos: number of independent photos among the predictions, which may be fewer.

    Returns:
        In [0, 1]; 0, with which sets have all classes, where there are too few photos.
    """
    rank = math.floor((photos + 1) * (1 - coverage) + 1e-9)
    return float(np.sort(true)[rank * len(true) // photos - 1]) if rank else 0.0


def log_loss(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean of -log p of the true class, in nats.

    Args:
        probabilities: (images, classes). labels: (images,) indices of classes.
    """
    return float(-np.log(np.maximum(probabilities[range(len(labels)), labels], SMALLEST)).mean())


def brier(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean over images of the sum over classes of (p - 1 for the true class, p - 0 for others)
    squared, in [0, 2] (Brier, "Verification of forecasts expressed in terms of probability",
    Monthly Weather Review 78, 1950).

    Args:
        probabilities: (images, classes). labels: (images,) indices of classes.
    """
    truth = np.eye(probabilities.shape[1])[labels]
    return float(((probabilities - truth) ** 2).sum(1).mean())


def calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = 10) -> np.ndarray:
    """The expected calibration error of the predicted class, in [0, 1]: mean over bins, weighted by
    their images, of |accuracy - mean confidence| (Naeini et al., AAAI 2015; bins of equal mass
    as in Nguyen and O'Connor, EMNLP 2015).

    Bin edges are quantiles of the confidences; equal confidences share a bin, so the order of the
    images has no effect.

    Args:
        confidence: (images,), probability of the predicted class.
        right: (images,) or (draws, images), whether that class is the true one.
        bins: maximum number of bins.

    Returns:
        One number, or (draws,).
    """
    return np.abs((right - confidence) @ _membership(confidence, bins)).sum(-1) / len(confidence)


def _membership(confidence: np.ndarray, bins: int) -> np.ndarray:
    """(images, bins): 1 where the image belongs to the bin, else 0."""
    ends = np.quantile(confidence, np.arange(1, bins) / bins)
    return np.eye(bins)[np.searchsorted(ends, confidence)]


def _runs(given: Predictions) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """For each run the indices of its images, their probabilities and their labels."""
    for judged, probabilities in zip(given.judged, given.probabilities, strict=True):
        seen = np.flatnonzero(judged)
        yield seen, probabilities[seen], given.labels[seen]


def _top(probabilities: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The probability of the predicted class of each image, and whether it is the true one."""
    return probabilities.max(1), probabilities.argmax(1) == labels
