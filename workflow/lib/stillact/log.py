"""Errors that a user can mend, and where a job's words go."""

import contextlib
import difflib
import logging
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

logger = logging.getLogger("stillact")


class InputError(Exception):
    """Something the user gave is wrong. The message names the file, the row or key, the value,
    and what to do; it is shown without a traceback."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """' Did you mean "x"?' for the nearest of `known`, or '' when none is near."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f' Did you mean "{near[0]}"?' if near else ""


@contextlib.contextmanager
def job(path: str | Path) -> Iterator[logging.Logger]:
    """Log to stderr and to the file `path` while a job runs.

    An InputError ends the process with status 1 and its message alone on stderr; its traceback
    goes to the file. Any other exception goes on to the caller, its traceback in the file as well.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    to_file = logging.FileHandler(path, mode="w", encoding="utf-8")
    to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    to_stderr = logging.StreamHandler(sys.stderr)
    to_stderr.setFormatter(logging.Formatter("%(message)s"))
    to_stderr.addFilter(lambda record: not getattr(record, "file_only", False))
    logger.handlers = [to_file, to_stderr]
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield logger
    except InputError as error:
        logger.error("error: %s", error)
        logger.error("traceback:", exc_info=True, extra={"file_only": True})
        sys.exit(1)
    except Exception:
        logger.exception("traceback:", extra={"file_only": True})
        raise
    finally:
        for handler in logger.handlers:
            handler.flush()
