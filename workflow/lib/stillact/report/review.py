"""The page of photos to check: each label is kept, corrected, or its photo dropped."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from stillact.core.probabilities import prob_columns
from stillact.data.fetch.cache import cached
from stillact.evaluation.answer import NOTHING_SHOWN, Answer
from stillact.report.templates import loaded, with_script
from stillact.report.thumbnails import thumbnail

SIDE = 512  # of a photo, the longer side in pixels
PHOTOS = 400  # at most, of about 30 kB each, which limits the size of the page


def models_of(found: Answer) -> list[str]:
    """The models whose predictions are compared with the labels: the chosen one, and those not
    shown to be worse. Empty where no model is chosen."""
    return [found.chosen, *(one.model for one in found.equals)] if found.chosen else []


def data(
    suspects: pd.DataFrame, classes: Sequence[str], images: pd.DataFrame, cache: Path
) -> dict[str, Any]:
    """Photos and predictions in the format of the page's script.

    Args:
        suspects: from `label_review.suspects`.
        classes: of the task.
        images: images.csv: id, url, sha256.
        cache: folder of the photos.

    Returns:
        classes; photos, a list of {id, name (the url), label, disagree, models, percent (of each
        class), image (a data URI)}; left_out, the number of photos beyond the first `PHOTOS`.
    """
    of = images.set_index("id")
    rows = suspects.head(PHOTOS)
    percents = (100 * rows[prob_columns(classes)]).round(1).to_numpy().tolist()
    return {
        "classes": list(classes),
        "photos": [
            {
                "id": row.image_id,
                "name": of.loc[row.image_id, "url"],
                "label": row.label,
                "disagree": row.disagree,
                "models": row.models,
                "percent": percent,
                "image": thumbnail(cached(cache, of.loc[row.image_id, "sha256"]), SIDE),
            }
            for row, percent in zip(rows.itertuples(), percents, strict=True)
        ],
        "left_out": len(suspects) - len(rows),
    }


def build(
    found: Answer, suspects: pd.DataFrame, made: Mapping[str, Any], command: str, template: Path
) -> str:
    """The page, as text.

    Args:
        found: the answer of the study.
        suspects: from `label_review.suspects`.
        made: from `data`.
        command: that applies the corrections, without the path of their file.
        template: review.html.j2; review.js and report.css are in the same folder.
    """
    return loaded(template).render(
        answer=found,
        nothing_shown=found.verdict == NOTHING_SHOWN,
        models=models_of(found),
        photos=len(suspects),
        differing=int((suspects["predicted"] != suspects["label"]).sum()),
        data=made,
        command=command,
        **with_script(template.with_name("review.js")),
    )
