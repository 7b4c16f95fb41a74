"""Robustness to corruptions: accuracy, log loss and calibration compared with clean photos."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stillact.evaluation import bootstrap, calibration
from stillact.evaluation.predictions import Predictions, by_model

CLEAN = "clean"  # the name for unmodified photos; severity 0
ALL = "all"  # the mean over the corruptions that have severities

COLUMNS = ["task", "model", "corruption", "severity", "photos", "runs", "accuracy"]
COLUMNS += [f"accuracy_difference{end}" for end in ("", "_ci_low", "_ci_high")]
COLUMNS += ["log_loss", "log_loss_difference", "ece", "ece_difference"]


@dataclass(frozen=True)
class Scores:
    """Scores of a model's runs on one version of the photos.

    right: whether a run is correct on a photo, 0 or 1, (runs, photos).
    clusters: (photos,) integers, the same for photos of one group.
    log_loss, ece: means over the runs, nats and 0 to 1.
    """

    right: np.ndarray
    clusters: np.ndarray
    log_loss: float
    ece: float


Beside = tuple[Scores, Scores]  # on corrupted photos, and on the same photos clean


def evaluate(predictions: pd.DataFrame) -> pd.DataFrame:
    """Scores of each model under each corruption, and over all corruptions.

    Corrupted photos are compared pairwise with the same photos clean; intervals are those of
    `bootstrap.mean`, photos of one group drawn together. A mean over severities or corruptions is
    the unweighted mean of their values.

    Args:
        predictions: from `corruption.ask`, one task, any number of models; each includes the clean
            photos.

    Returns:
        One row per model, corruption and severity, the models in the order of the table: first the
        clean photos (`CLEAN`, 0), then `ALL`, the mean over the corruptions that have severities,
        then each corruption. A missing severity denotes the mean over all of them, or a corruption
        without severities. photos; runs; accuracy, 0 to 1; accuracy_difference, accuracy minus
        that on the same photos clean, -1 to 1, with its 95 % interval; log_loss (nats) and ece
        (0 to 1; as in `calibration.scores`), each with its difference.
    """
    rows = []
    for model, table in predictions.groupby("model", sort=False):
        given = {
            version: by_model(rows_of, scheme="holdout")[model]
            for version, rows_of in table.groupby(["corruption", "severity"], sort=False)
        }
        beside = {version: _beside(one, given[CLEAN, 0]) for version, one in given.items()}
        for (corruption, severity), versions in _groups(beside).items():
            head = table["task"].iloc[0], model, corruption, severity
            rows.append((*head, *_row(versions)))
    made = pd.DataFrame(rows, columns=COLUMNS)
    return made.astype({"severity": "Int64"})  # which may be missing


def _beside(given: Predictions, clean: Predictions) -> Beside:
    same = np.isin(clean.image_ids, given.image_ids)
    of_clean = clean.probabilities[:, same], clean.labels[same], given.clusters
    return _scores(given.probabilities, given.labels, given.clusters), _scores(*of_clean)


def _scores(probabilities: np.ndarray, labels: np.ndarray, clusters: np.ndarray) -> Scores:
    right = (probabilities.argmax(2) == labels).astype(float)
    each = [
        (calibration.log_loss(of_run, labels), calibration.calibration_error(of_run.max(1), hits))
        for of_run, hits in zip(probabilities, right, strict=True)
    ]
    return Scores(right, clusters, *np.mean(each, axis=0))


def _groups(beside: dict[tuple[str, int], Beside]) -> dict[tuple, list[Beside]]:
    """The versions over which each row of the table is averaged, by corruption and severity."""
    groups = {(CLEAN, 0): [beside[CLEAN, 0]]}
    severe = {of: one for of, one in beside.items() if of[1] > 0}
    for severity in sorted({severity for _, severity in severe}):
        groups[ALL, severity] = [one for of, one in severe.items() if of[1] == severity]
    if severe:
        groups[ALL, None] = [*severe.values()]
    for name in dict.fromkeys(name for name, _ in beside if name != CLEAN):
        each = {severity: one for (of, severity), one in beside.items() if of == name}
        groups |= {(name, severity): [one] for severity, one in each.items() if severity}
        groups[name, None] = [*each.values()]
    return groups


def _row(versions: Sequence[Beside]) -> list:
    """The values of a row, from the column photos on."""
    runs, photos = versions[0][0].right.shape
    right = np.mean([now.right for now, _ in versions], axis=0)
    lost = np.mean([now.right - before.right for now, before in versions], axis=0)
    interval = bootstrap.mean(lost, versions[0][0].clusters)
    row = [photos, runs, right.mean(), *np.clip(interval, -1, 1)]
    for score in ("log_loss", "ece"):
        now, clean = np.mean([[getattr(of, score) for of in pair] for pair in versions], axis=0)
        row += [now, now - clean]
    return row


def by_loss(summary: pd.DataFrame) -> list[str]:
    """The models, ordered by the drop in accuracy over all corruptions, the smallest first."""
    rows = summary[summary["severity"].isna()]
    rows = rows[rows["corruption"] == ALL] if (rows["corruption"] == ALL).any() else rows
    lost = rows.groupby("model", sort=False)["accuracy_difference"].mean()
    return lost.sort_values(ascending=False, kind="stable").index.tolist()
