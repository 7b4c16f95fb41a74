"""Logging of a job, and its exit status and message on failure."""

import contextlib
import errno
import gc
import logging
import os
import platform
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from stillact.core.errors import InputError

# Importing torch and scikit-learn, which scripts do after this module, creates 200,000 objects.
# By default they are searched for garbage at every 700 new ones: a tenth of the CPU time.
gc.set_threshold(10_000)

logger = logging.getLogger("stillact")

# Errors of the environment, not of the code: advice is more useful than a traceback.
_REFUSED = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "Make room there"),
    **dict.fromkeys(
        (errno.EROFS, errno.EACCES, errno.EPERM), "Make it writable, or move the study"
    ),
}
# Messages of libraries that hide the system's: safetensors, numpy, torch; and torch on memory.
_FULL = re.compile(r"No space left on device|requested and \d+ written|inline_container\.cc")
_MEMORY = re.compile(r"can't allocate memory|CUDA out of memory")
_KEPT = "start again: finished results are kept"
_STARTED = "=== attempt: process"


def detail(message: str, *args: Any) -> None:
    """Log what is of interest in the file of a job alone, and not on the terminal."""
    logger.info(message, *args, extra={"file_only": True})


@contextlib.contextmanager
def job(path: str | Path) -> Iterator[logging.Logger]:
    """Log to stderr and to the file `path` while a job runs.

    An InputError, a lack of memory or disk space, and Ctrl-C end the process with one message on
    stderr and exit status 1, or 130 for Ctrl-C (shell convention); the traceback goes to the file.
    Any other exception propagates to the caller, with its traceback in the file as well.

    An attempt after one that succeeded overwrites the file; after those that failed or were killed,
    it is appended, each under a line with its process and node.

    The job's imports, and at the end all that is left, are exempt from garbage collection: at the
    exit of a process that imported torch and scikit-learn, it takes a fifth of the CPU time that
    the imports take.
    """
    gc.freeze()
    to_stderr = logging.StreamHandler(sys.stderr)
    to_stderr.setFormatter(logging.Formatter("%(message)s"))
    to_stderr.addFilter(lambda record: not getattr(record, "file_only", False))
    logger.handlers = [to_stderr]
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        logger.handlers = [_to_file(Path(path)), to_stderr]
        detail("%s %s", _STARTED, _here())
        yield logger
        _kept(Path(path)).unlink(missing_ok=True)
    except InputError as error:
        _end(f"error: {error}")
    except KeyboardInterrupt:
        _end(f"interrupted; {_KEPT}", status=130)
    except Exception as error:
        if message := _refused(error):
            _end(f"error: {message}")
        logger.exception("traceback:", extra={"file_only": True})
        raise
    finally:
        for handler in logger.handlers:
            with contextlib.suppress(OSError):
                handler.flush()
        gc.freeze()


def _kept(path: Path) -> Path:
    """A second link to the log of an attempt that has not succeeded, since Snakemake deletes the
    log itself before the next attempt."""
    return path.with_name(f".{path.name}")


def _to_file(path: Path) -> logging.Handler:
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = "w"
    with contextlib.suppress(FileNotFoundError):
        os.replace(_kept(path), path)
        mode = "a"
    to_file = logging.FileHandler(path, mode=mode, encoding="utf-8")
    with contextlib.suppress(OSError):  # a file system without hard links
        os.link(path, _kept(path))
    to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    to_file.handleError = lambda record: None  # on a full disk, log to stderr only
    return to_file


def _here() -> str:
    job = os.environ.get("SLURM_JOB_ID")
    return f"{os.getpid()} on {platform.node()}" + (f", SLURM job {job}" if job else "")


def _end(message: str, status: int = 1) -> NoReturn:
    logger.error(message)
    logger.error("traceback:", exc_info=True, extra={"file_only": True})
    sys.exit(status)


def _refused(error: Exception) -> str | None:
    """The message for an error of the environment; None for any other error."""
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    if isinstance(error, MemoryError) or _MEMORY.search(reason):
        return (
            f"out of memory ({reason}). Run fewer jobs at once (a smaller --cores, or --resources "
            f"mem_mb=8000 to limit their total memory), and {_KEPT}"
        )
    if isinstance(error, OSError) and error.errno in _REFUSED:
        where = error.filename or "a file"
        return f"{where}: {error.strerror}. {_REFUSED[error.errno]}, and {_KEPT}"
    if _FULL.search(reason):
        return f"a file could not be written ({reason}). Make room on the disk, and {_KEPT}"
    return None
