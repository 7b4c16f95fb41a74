"""The columns prob_<class> of a table of predictions, in the order of the classes."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

PREFIX = "prob_"
DIGITS = 8  # decimals of a stored probability


def prob_column(name: str) -> str:
    """The column of a class."""
    return PREFIX + name


def prob_columns(classes: Iterable[str]) -> list[str]:
    """The columns of classes."""
    return [prob_column(name) for name in classes]


def classes_of(table: pd.DataFrame) -> list[str]:
    """The classes whose columns a table has, in its order."""
    return [name.removeprefix(PREFIX) for name in table.columns if name.startswith(PREFIX)]


def most_probable(table: pd.DataFrame) -> pd.Series:
    """The class with the highest probability, per row; the first one in case of ties."""
    return table[prob_columns(classes_of(table))].idxmax(axis=1).str.removeprefix(PREFIX)


def stored(probabilities: np.ndarray, classes: Iterable[str]) -> pd.DataFrame:
    """Probabilities, (rows, classes) in [0, 1], as the rounded columns of a table."""
    return pd.DataFrame(np.round(probabilities, DIGITS), columns=prob_columns(classes))
