"""The gallery: a self-contained HTML page with a selection of the predicted photos."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from stillact.core.probabilities import prob_column
from stillact.figures.style import COLOURS, shortened
from stillact.inference import novelty
from stillact.inference.deployed import Record
from stillact.report.templates import loaded
from stillact.report.thumbnails import thumbnail

UNREADABLE = 200  # maximum number shown; the table has all
LETTERS = 44  # of a path on a card
LIKELIEST = 5  # classes shown per photo, with more classes than colours


def chosen(predictions: pd.DataFrame, classes: Sequence[str], most: int) -> pd.DataFrame:
    """The photos to show: per predicted class alternately those with the lowest and the highest
    confidence.

    Args:
        predictions: from `predict.write`.
        classes: in the order shown.
        most: maximum number of photos.

    Returns:
        Rows of `predictions`, by class, in ascending order of confidence; without duplicates.
    """
    once = predictions.drop_duplicates(predictions.columns[0])
    parts = []
    for place, label in enumerate(classes):
        rows = once[once["predicted"] == label].sort_values("confidence", kind="stable")
        from_below = 2 * pd.Series(range(len(rows)), index=rows.index)
        from_above = 2 * (len(rows) - 1) - from_below + 1
        turn = from_below.where(from_below < from_above, from_above)
        parts.append(rows.assign(turn=turn, place=place))
    found = pd.concat(parts).sort_values(["turn", "place"], kind="stable").head(most)
    found = found.sort_values(["place", "confidence"], kind="stable")
    return found.drop(columns=["turn", "place"])


def build(
    predictions: pd.DataFrame,
    shown: pd.DataFrame,
    files: Mapping[str, str],
    overlays: Mapping[str, list],
    note: str,
    used: Record,
    classes: Sequence[str],
    template: Path,
) -> str:
    """The page, as text.

    Args:
        predictions: from `predict.write`.
        shown: from `chosen`.
        files: paths of the photos, by the name in the first column.
        overlays: from `browser.overlays`, by that name.
        note: why there are no overlays, or ''.
        used: record of the deployed model.
        classes: in the order of the probabilities.
        template: gallery.html.j2; report.css is in the same folder.
    """
    name = predictions.columns[0]
    answered = predictions[predictions["status"] == "ok"]
    unread = predictions[predictions["status"] != "ok"]
    novel = int((answered["novel"] == "yes").sum())
    return loaded(template).render(
        used=used,
        tested=tested(used),
        abstained=int((answered["abstain"] == "yes").sum()),
        novel=novelty.sentence(novel, len(answered)) if novel else "",
        photos=len(predictions),
        shown=len(shown),
        groups=[
            {
                "label": label,
                "all": int((answered["predicted"] == label).sum()),
                "cards": [
                    _card(row, name, files, overlays, classes)
                    for row in shown[shown["predicted"] == label].to_dict("records")
                ],
            }
            for label in classes
        ],
        names=", ".join(classes) if len(classes) <= len(COLOURS) else f"{len(classes)} classes",
        unreadable=unread.head(UNREADABLE)[[name, "reason"]].to_numpy().tolist(),
        unread=len(unread),
        name=name,
        overlaid=bool(overlays),
        note=note,
        letters=max(map(len, classes)),
    )


def _card(row: Mapping, name: str, files: Mapping, overlays: Mapping, classes) -> dict:
    return {
        "name": row[name],
        "short": shortened(row[name], LETTERS),
        "thumbnail": thumbnail(Path(files[row[name]])),
        "overlay": overlays.get(row[name]),
        "predicted": row["predicted"],
        "percent": f"{100 * row['confidence']:.0f}",
        "abstained": row["abstain"] == "yes",
        "novel": row["novel"] == "yes",
        "bars": _bars(row, classes),
    }


def _bars(row: Mapping, classes: Sequence[str]) -> list[tuple[str, float, str]]:
    """Classes with their probability in percent and their colour; with many classes the most
    probable ones, in a single colour."""
    given = [(label, 100 * row[prob_column(label)]) for label in classes]
    if len(classes) <= len(COLOURS):
        return [(*one, colour) for one, colour in zip(given, COLOURS, strict=False)]
    given.sort(key=lambda one: -one[1])
    return [(*one, COLOURS[0]) for one in given[:LIKELIEST]]


def tested(used: Record) -> str:
    """The accuracy to expect of the model on photos that it was not trained on."""
    low, high = (f"{100 * end:.0f}" for end in (used.accuracy_low, used.accuracy_high))
    what = "photos, each predicted by a model that had not seen it"
    if used.scheme != "cv":
        what = "test photos only; it is not cross-validated"
    return (
        f"{100 * used.accuracy:.0f}\xa0% (95\xa0% interval {low} to {high}), estimated on "
        f"{used.evaluated} {what}"
    )
