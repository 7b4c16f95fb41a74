"""Errors that a user can correct."""

import difflib
from collections.abc import Iterable
from pathlib import Path


class InputError(Exception):
    """Invalid user input. The message names the file, the row or key, the value, and what to do;
    it is shown without a traceback."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """' Did you mean "x"?' for the closest match among `known`, or '' if there is none."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f' Did you mean "{near[0]}"?' if near else ""


def damaged(file: str | Path, how: str) -> InputError:
    """The error for a damaged output of a rule, which Snakemake makes again once it is deleted."""
    return InputError(f"{file}: damaged{how}; delete it, and run the command again")
