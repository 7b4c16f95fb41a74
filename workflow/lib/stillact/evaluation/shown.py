"""Which models the figures, the error analysis and the photo browser show, and on which photos."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Shown:
    """What is shown of a task.

    scheme: "cv", out-of-fold predictions of all photos, if a model is cross-validated; "holdout",
        predictions of the test photos, if none is.
    models: the most accurate first.
    images: number of photos.
    over: description of photos and runs.
    """

    scheme: str
    models: list[str]
    images: int
    over: str

    def one(self, chosen: str | None) -> str:
        """The chosen model where it is shown, or else the most accurate."""
        return chosen if chosen in self.models else self.models[0]

    def of(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows of the scheme and the models of a table with scheme and model."""
        return table[(table["scheme"] == self.scheme) & table["model"].isin(self.models)]

    def of_pairs(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows of the scheme and the models of a table with scheme, model_a and model_b."""
        both = table["model_a"].isin(self.models) & table["model_b"].isin(self.models)
        return table[(table["scheme"] == self.scheme) & both]


def scheme_of(pooled: pd.DataFrame) -> str:
    """The scheme that is shown; see `Shown`."""
    return "cv" if (pooled["scheme"] == "cv").any() else "holdout"


def shown(pooled: pd.DataFrame, best: int, baselines: Sequence[str] = ()) -> Shown:
    """The most accurate models and the baselines.

    Args:
        pooled: from `bootstrap.intervals`, of one task and its schemes; not empty.
        best: number of the most accurate models.
        baselines: other models; those without results are skipped.
    """
    scheme = scheme_of(pooled)
    rows = pooled[(pooled["metric"] == "accuracy") & (pooled["scheme"] == scheme)]
    rows = rows.sort_values("value", ascending=False, kind="stable").reset_index(drop=True)
    rows = rows[(rows.index < best) | rows["model"].isin(baselines)]
    return Shown(scheme, rows["model"].tolist(), int(rows["images"].max()), over(rows, scheme))


def over(table: pd.DataFrame, scheme: str) -> str:
    """Description of the photos and runs.

    Args:
        table: rows of `bootstrap.intervals` of one scheme: images, runs.
        scheme: "holdout" or "cv".
    """
    images, few, many = table["images"].max(), table["runs"].min(), table["runs"].max()
    runs = f"{few}" if few == many else f"{few} to {many}"
    if scheme == "holdout":
        return f"over {images} test photos and {runs} seed{'s' * (runs != '1')}"
    times = "once" if runs == "1" else f"{runs} times"
    return f"over {images} photos, each tested in its fold, {times}"
