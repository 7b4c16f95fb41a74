"""Working folders of runs in training, one per run, from which a restarted job resumes."""

import contextlib
import os
import platform
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from stillact.core import locks
from stillact.core.logs import logger

HANDED_OVER = "its files are outputs\n"


def of(unfinished: Path, folder: Path) -> Path:
    """The working folder of a run, named by its full path, since runs of a sweep differ above
    {task}."""
    return unfinished / folder.as_posix().strip("/").replace("/", ".")


@contextlib.contextmanager
def locked(folder: Path, made_from: str) -> Iterator[Path]:
    """Lock the working folder of a run for one process at a time.

    If an earlier Snakemake was killed while its job still trains, this process waits for it. Files
    made from other inputs are deleted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "a+") as lock:
        if not locks.lock(lock.fileno(), folder / "lock", wait=False):
            lock.seek(0)
            logger.warning(
                "waiting for %s, which trains this run: it has locked %s", lock.read(), lock.name
            )
            locks.lock(lock.fileno(), folder / "lock", wait=True)
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on {platform.node()}")
        lock.flush()
        key = folder / "made_from"
        if not key.exists() or key.read_text() != made_from:
            for stale in [p for p in folder.iterdir() if p.name != "lock"]:
                stale.unlink()
            key.write_text(made_from)
        yield folder


def finish(work: Path) -> None:
    """Mark a run as finished: all its files are complete."""
    (work / "done").touch()


def is_finished(work: Path) -> bool:
    return (work / "done").exists()


def publish(work: Path, folder: Path, names: Iterable[str]) -> None:
    """Link a finished run's files to its output folder; `work` stays until `clear`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        _link(work / name, folder / name)
    (work / "done").write_text(HANDED_OVER)


def clear(unfinished: Path) -> None:
    """Remove the working folders of published runs.

    Call this once Snakemake has recorded the outputs, not in the job that made them: if Snakemake
    is killed, it removes the unrecorded outputs of a job, and starts the job again.
    """
    for done in unfinished.glob("*/done"):
        if done.read_text() == HANDED_OVER:
            done.unlink()  # first, so that a partly removed run does not count as finished
            shutil.rmtree(done.parent)


def _link(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        shutil.copy2(source, target)
