"""Where a job logs to, and how it ends when something is wrong."""

import contextlib
import errno
import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from stillact.core.errors import InputError

logger = logging.getLogger("stillact")


# What the machine refuses is no fault of the code: what to do is worth more than a traceback.
_REFUSED = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "Make room there"),
    **dict.fromkeys(
        (errno.EROFS, errno.EACCES, errno.EPERM), "Make it writable, or move the study"
    ),
}
# The words of libraries that hide the system's: safetensors, numpy, torch; and torch of memory.
_FULL = re.compile(r"No space left on device|requested and \d+ written|inline_container\.cc")
_MEMORY = re.compile(r"can't allocate memory|CUDA out of memory")
_KEPT = "start again: what is finished is kept"


@contextlib.contextmanager
def job(path: str | Path) -> Iterator[logging.Logger]:
    """Log to stderr and to the file `path` while a job runs.

    An InputError, a lack of memory or of disk, and Ctrl-C end the process with one message on
    stderr, and a status of 1 or, as a shell has it, 130; the traceback goes to the file. Any other
    exception goes on to the caller, its traceback in the file as well.
    """
    to_stderr = logging.StreamHandler(sys.stderr)
    to_stderr.setFormatter(logging.Formatter("%(message)s"))
    to_stderr.addFilter(lambda record: not getattr(record, "file_only", False))
    logger.handlers = [to_stderr]
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        logger.handlers = [_to_file(path), to_stderr]
        yield logger
    except InputError as error:
        _end(f"error: {error}")
    except KeyboardInterrupt:
        _end(f"interrupted; {_KEPT}", status=130)
    except Exception as error:
        if told := _refused(error):
            _end(f"error: {told}")
        logger.exception("traceback:", extra={"file_only": True})
        raise
    finally:
        for handler in logger.handlers:
            with contextlib.suppress(OSError):
                handler.flush()


def _to_file(path: str | Path) -> logging.Handler:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    to_file = logging.FileHandler(path, mode="w", encoding="utf-8")
    to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    to_file.handleError = lambda record: None  # on a full disk stderr has to do
    return to_file


def _end(told: str, status: int = 1) -> NoReturn:
    logger.error(told)
    logger.error("traceback:", exc_info=True, extra={"file_only": True})
    sys.exit(status)


def _refused(error: Exception) -> str | None:
    """What to tell of an error that is the machine's; None of any other."""
    said = str(error).splitlines()[0] if str(error) else type(error).__name__
    if isinstance(error, MemoryError) or _MEMORY.search(said):
        return (
            f"out of memory ({said}). Run fewer jobs at once (a smaller --cores, or --resources "
            f"mem_mb=8000 for as many as fit into that), and {_KEPT}"
        )
    if isinstance(error, OSError) and error.errno in _REFUSED:
        where = error.filename or "a file"
        return f"{where}: {error.strerror}. {_REFUSED[error.errno]}, and {_KEPT}"
    if _FULL.search(said):
        return f"a file could not be written ({said}). Make room on the disk, and {_KEPT}"
    return None
