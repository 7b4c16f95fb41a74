"""Prediction on unlabelled photos, streamed in bounded memory."""

import collections
import contextlib
import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from stillact.config.data import Dataset, Fetch
from stillact.core import user_csv
from stillact.core.errors import InputError
from stillact.core.logs import logger
from stillact.core.probabilities import DIGITS, prob_columns
from stillact.core.tables import replacing
from stillact.data import photo_files, reading
from stillact.data.boxes import Box
from stillact.data.fetch.cache import cached
from stillact.data.fetch.fetcher import fetch_all
from stillact.data.preprocessing import Preprocessing
from stillact.inference import listing, novelty

EXAMPLES = 5  # photos listed per reason when none can be read


@dataclass(frozen=True)
class Predicted:
    """The prediction of a photo.

    probabilities: calibrated, of each class, float64 (classes,).
    novelty_p: of the test of `novelty.Novelty`; None where the model has no features.
    features: float32 (width,); None likewise.
    """

    probabilities: np.ndarray
    novelty_p: float | None = None
    features: np.ndarray | None = None


def in_folder(folder: Path) -> pd.DataFrame:
    """The photos below a folder.

    Returns:
        path, relative to the folder; file, its location; reason, why it is not read (its name is
        not UTF-8), or ''; modified, its modification time (ns since 1970), so that the table
        changes when a photo does. A path that a spreadsheet would interpret as a formula is
        prefixed with ./, which does not change the path.

    Raises:
        InputError: as `photo_files.files`.
    """
    rows = []
    for name in photo_files.files(folder):
        shown = name.encode(errors="surrogateescape").decode(errors="backslashreplace")
        file, reason = str(folder / name), ""
        if shown != name:
            file, reason = "", "file name is not UTF-8"
        modified = 0
        with contextlib.suppress(OSError):  # a broken link; `answers` reports it
            modified = (folder / name).stat().st_mtime_ns
        rows.append((_no_formula(shown), file, reason, modified))
    return pd.DataFrame(rows, columns=["path", "file", "reason", "modified"])


def of_urls(path: Path, settings: Fetch, dataset: Dataset) -> pd.DataFrame:
    """The photos of a CSV's URLs, fetched into the cache.

    Args:
        path: of the CSV; relative paths in it are relative to its folder.
        settings: of the fetch.
        dataset: of the study, for its cache.

    Returns:
        url; file, its location; reason, why there is none, or ''. Formulas as in `in_folder`.

    Raises:
        InputError: as `listing.urls`; no photo is available; the cache cannot be written.
    """
    urls = listing.urls(path)
    rows = pd.DataFrame({"id": urls, "url": urls, "sha256": ""})
    # local_dirs are not searched for file names: they belong to the study
    update = {"manifest": str(path), "local_dirs": [], "on_missing": "drop"}
    fetched = fetch_all(rows, settings, dataset.model_copy(update=update), path.parent)
    cache = Path(dataset.cache)
    files = [str(cached(cache, sha256)) if sha256 else "" for sha256 in fetched["sha256"]]
    shown = fetched["url"].map(_no_formula)
    return pd.DataFrame({"url": shown, "file": files, "reason": fetched["reason"]})


def _no_formula(path: str) -> str:
    return f"./{path}" if path.startswith(user_csv.FORMULA) else path


def answers(
    photos: Sequence[tuple[str, str]],
    sees: Sequence[Preprocessing],
    settings: Fetch,
    ask: Callable[[list[np.ndarray]], Iterable[Predicted]],
    threads: int,
    people: Sequence[Sequence[Box]] | None = None,
) -> Iterator[tuple[Predicted | None, str]]:
    """Predictions for each photo, in order.

    Args:
        photos, sees, settings, threads, people: as for `reading.over`.
        ask: maps the views of some photos, one array uint8 (photos, size, size, 3) per view, to
            one prediction per photo.

    Yields:
        The photo's prediction and '', or None and why it cannot be read.
    """

    def rows(found: list[reading.Seen]) -> Iterable[Predicted]:
        return ask(reading.stacked(found))

    return reading.over(photos, sees, settings, rows, threads, people)


def write(
    photos: pd.DataFrame,
    predicted: Iterable[tuple[Predicted | None, str]],
    classes: Sequence[str],
    threshold: float,
    set_limit: float,
    target: Path,
) -> None:
    """Write predictions.csv row by row, atomically.

    Its columns: path or url; status, "ok" or "unreadable", and reason; predicted, the class with
    the highest probability; prob_<class>, in [0, 1]; confidence, the highest of them; abstain,
    "yes" where that is below the threshold, else "no"; prediction_set, the predicted class and all
    others from `set_limit` on, the most probable first, joined by "/" (which no class name has);
    novelty_p, and novel, "yes" where that is at most `novelty.LEVEL`, else "no", both empty where
    the model has no features. For unreadable photos the columns from predicted on are empty.

    Args:
        photos: from `in_folder` or `of_urls`.
        predicted: from `answers`.
        classes: in the order of the probabilities.
        threshold, set_limit: in [0, 1]; see `deployed.Record`.
        target: path of the file.

    Raises:
        InputError: no photo can be read; states the reasons.
    """
    counts, reasons = collections.Counter(), collections.defaultdict(list)
    with replacing(target) as part, open(part, "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        head = [photos.columns[0], "status", "reason", "predicted", *prob_columns(classes)]
        table.writerow([*head, "confidence", "abstain", "prediction_set", "novelty_p", "novel"])
        for name, (found, reason) in zip(photos.iloc[:, 0], predicted, strict=True):
            if found is None:
                reasons[reason].append(name)
                table.writerow([name, "unreadable", reason, *[""] * (len(classes) + 6)])
                continue
            shown = [round(float(p), DIGITS) for p in found.probabilities]
            order = sorted(range(len(classes)), key=shown.__getitem__, reverse=True)
            best = order[0]
            likely = [classes[i] for i in order if i == best or shown[i] >= set_limit]
            abstain = "yes" if shown[best] < threshold else "no"
            counts[abstain] += 1
            answer = [classes[best], *shown, shown[best], abstain, "/".join(likely)]
            novel = _novel(found.novelty_p)
            counts["novel"] += novel[1] == "yes"
            table.writerow([name, "ok", "", *answer, *novel])
        if not counts:
            raise InputError(_none_read(reasons))
    logger.info(
        "%d predicted, %d abstained, %d unreadable",
        counts["no"],
        counts["yes"],
        sum(map(len, reasons.values())),
    )
    if counts["novel"]:
        logger.info("%s", novelty.sentence(counts["novel"], counts["no"] + counts["yes"]))


def _novel(p: float | None) -> tuple[str, str]:
    """The cells novelty_p and novel."""
    if p is None:
        return "", ""
    return f"{round(p, 8):g}", "yes" if p <= novelty.LEVEL else "no"


def _none_read(reasons: Mapping[str, list[str]]) -> str:
    lines = [f"photos: none of the {sum(map(len, reasons.values()))} photos can be read:"]
    for reason, names in sorted(reasons.items(), key=lambda item: -len(item[1])):
        more = f" and {len(names) - EXAMPLES} more" if len(names) > EXAMPLES else ""
        lines.append(f"  {reason}: {', '.join(names[:EXAMPLES])}{more}")
    return "\n".join(lines)
