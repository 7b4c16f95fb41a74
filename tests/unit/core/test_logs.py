import contextlib
import errno
import gc
import logging
import os
import platform
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

from stillact.core import logs
from stillact.core.errors import InputError, did_you_mean
from stillact.core.logs import logger


@pytest.fixture(autouse=True)
def _logger_as_before():
    """`job` sets the logger up for a whole process; give it back to the other tests."""
    handlers, level, propagate = logger.handlers, logger.level, logger.propagate
    yield
    for handler in logger.handlers:
        with contextlib.suppress(OSError):  # of /dev/full
            handler.close()
    logger.handlers, logger.propagate = handlers, propagate
    logger.setLevel(level)


def test_did_you_mean_names_the_nearest_or_nothing():
    assert did_you_mean("chanels", ["hidden", "channels"]) == ' Did you mean "channels"?'
    assert did_you_mean("zzz", ["hidden", "channels"]) == ""
    assert did_you_mean("zzz", iter(())) == ""


def test_a_job_logs_to_stderr_and_to_its_file(tmp_path, capsys, caplog):
    path = tmp_path / "logs" / "deep" / "job.log"
    with logs.job(path) as given:
        given.info("fetched %d photos", 3)
        given.debug("not shown")
    assert given is logging.getLogger("stillact")
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "fetched 3 photos\n")
    started, line = path.read_text().splitlines()
    assert started.endswith(f"INFO === attempt: process {os.getpid()} on {platform.node()}")
    assert line.endswith("INFO fetched 3 photos")
    assert caplog.records == []  # the root logger, Snakemake's own, would say it again


def test_what_a_job_imported_is_not_searched_for_garbage_at_its_exit(tmp_path):
    gc.unfreeze()
    try:
        with logs.job(tmp_path / "job.log"):
            imported = gc.get_freeze_count()
            made = [[] for _ in range(1000)]
        assert imported > 100_000  # torch's and numpy's
        assert gc.get_freeze_count() > imported + len(made) / 2
    finally:
        gc.freeze()  # as it was


KILLED = """
import os, signal, sys
from pathlib import Path
from stillact.core import logs
with logs.job(Path(sys.argv[1])) as logger:
    logger.info("first")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("killed", [True, False])
def test_a_job_keeps_the_lines_of_attempts_that_failed(monkeypatch, tmp_path, killed):
    path = tmp_path / "job.log"
    if killed:
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
        assert subprocess.run([sys.executable, "-c", KILLED, path]).returncode == -signal.SIGKILL
    else:
        with pytest.raises(SystemExit), logs.job(path):
            raise InputError("first")
    path.unlink()  # as Snakemake does before an attempt
    monkeypatch.setenv("SLURM_JOB_ID", "31")
    with logs.job(path):
        logger.info("second")
    text = path.read_text()
    assert text.index("first") < text.index("SLURM job 31") < text.index("second")
    with logs.job(path):
        logger.info("third")
    assert "first" not in path.read_text()
    assert "second" not in path.read_text()
    assert list(tmp_path.iterdir()) == [path]


def test_a_job_starts_its_file_anew_and_logs_once(tmp_path, capsys):
    for word in ("first", "second"):
        with logs.job(tmp_path / "job.log"):
            logger.info(word)
    assert capsys.readouterr().err == "first\nsecond\n"
    assert "first" not in (tmp_path / "job.log").read_text()


def fail():
    raise InputError("data/mine.csv, row 3: label 'siting'; write sitting")


def test_an_input_error_ends_with_status_1_and_its_message_alone(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended, logs.job(tmp_path / "job.log"):
        fail()
    assert ended.value.code == 1
    assert capsys.readouterr().err == "error: data/mine.csv, row 3: label 'siting'; write sitting\n"
    in_file = (tmp_path / "job.log").read_text()
    assert "ERROR error: data/mine.csv, row 3" in in_file
    assert "Traceback (most recent call last)" in in_file
    assert "in fail" in in_file


def test_any_other_error_goes_on_with_its_traceback_in_the_file(tmp_path, capsys):
    with pytest.raises(ZeroDivisionError), logs.job(tmp_path / "job.log"):
        1 / 0  # noqa: B018
    assert capsys.readouterr().err == ""  # Python itself shows it
    assert "ZeroDivisionError: division by zero" in (tmp_path / "job.log").read_text()


def memory_of_numpy():
    np.zeros((10**9, 10**9))


def memory_of_torch():
    torch.zeros(10**15)


def a_folder_in_a_file():
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "results/x.csv")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (memory_of_numpy, ["error: out of memory (Unable to allocate", "--cores", "start again"]),
        (memory_of_torch, ["error: out of memory (", "--resources mem_mb="]),
        (a_folder_in_a_file, ["error: results/x.csv: Permission denied. Make it writable"]),
    ],
)
def test_what_the_machine_refuses_is_told_without_a_traceback(tmp_path, capsys, fault, words):
    with pytest.raises(SystemExit) as ended, logs.job(tmp_path / "job.log"):
        fault()
    assert ended.value.code == 1
    shown = capsys.readouterr().err
    assert all(word in shown for word in words)
    assert "Traceback" not in shown
    assert f"in {fault.__name__}" in (tmp_path / "job.log").read_text()


def test_ctrl_c_ends_with_a_word_and_the_shells_status(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended, logs.job(tmp_path / "job.log"):
        raise KeyboardInterrupt
    assert ended.value.code == 130
    assert capsys.readouterr().err == "interrupted; start again: finished results are kept\n"


def test_a_full_disk_keeps_no_word_from_the_user(capsys):
    with pytest.raises(SystemExit), logs.job("/dev/full"):
        np.zeros(1000).tofile("/dev/full")
    assert capsys.readouterr().err == (
        "error: a file could not be written (1000 requested and 0 written). Make room on the disk, "
        "and start again: finished results are kept\n"
    )
