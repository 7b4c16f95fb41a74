"""Errors that a user can correct."""

import difflib
from collections.abc import Iterable


class InputError(Exception):
    """Invalid user input. The message names the file, the row or key, the value, and what to do;
    it is shown without a traceback."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """' Did you mean "x"?' for the closest match among `known`, or '' if there is none."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f' Did you mean "{near[0]}"?' if near else ""
