"""Where trainings are under way: a folder a run, which a killed job finds again when it is started
again."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

HANDED_OVER = "its files are outputs\n"


def of(unfinished: Path, folder: Path) -> Path:
    """Of a run's folder; by all of its path, for a sweep's runs differ above {task}."""
    return unfinished / folder.as_posix().strip("/").replace("/", ".")


@contextlib.contextmanager
def locked(folder: Path, made_from: str) -> Iterator[Path]:
    """The folder of an unfinished run, for one process at a time.

    The lock matters when an earlier Snakemake was killed and its job still trains: this one waits
    for it. What was made from something else is thrown away.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        key = folder / "made_from"
        if not key.exists() or key.read_text() != made_from:
            for stale in [p for p in folder.iterdir() if p.name != "lock"]:
                stale.unlink()
            key.write_text(made_from)
        yield folder


def finish(work: Path) -> None:
    """Of a run: all its files are there."""
    (work / "done").touch()


def is_finished(work: Path) -> bool:
    return (work / "done").exists()


def publish(work: Path, folder: Path, names: Iterable[str]) -> None:
    """Make a finished run's files outputs; what is in `work` stays until `clear`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        _link(work / name, folder / name)
    (work / "done").write_text(HANDED_OVER)


def clear(unfinished: Path) -> None:
    """Remove the runs that were handed over.

    To be called once the outputs are on record, not by the job that made them: Snakemake removes
    the outputs of a job that it has not put on record when it is killed, and starts it again.
    """
    for done in unfinished.glob("*/done"):
        if done.read_text() == HANDED_OVER:
            done.unlink()  # first, so that what is left is not taken for a whole run
            shutil.rmtree(done.parent)


def _link(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        shutil.copy2(source, target)
