"""The lock of a run's working folder; tests of whole trainings are in test_jobs.py."""

import os
import platform
import threading
import time

from stillact.training import run_dirs


def test_a_job_that_waits_for_another_says_for_which(monkeypatch, tmp_path):
    told: list[str] = []
    monkeypatch.setattr(run_dirs.logger, "warning", lambda text, *args: told.append(text % args))
    entered = threading.Event()

    def second():
        with run_dirs.locked(tmp_path, "plan"):
            entered.set()

    thread = threading.Thread(target=second)
    with run_dirs.locked(tmp_path, "plan"):
        thread.start()
        end = time.monotonic() + 30
        while not told and time.monotonic() < end:
            time.sleep(0.01)
        assert not entered.is_set()
    thread.join(30)
    assert entered.is_set()
    holder = f"process {os.getpid()} on {platform.node()}"
    assert told == [
        f"waiting for {holder}, which trains this run: it has locked {tmp_path / 'lock'}"
    ]


def test_the_lock_names_its_last_holder_alone(tmp_path):
    for _ in range(2):
        with run_dirs.locked(tmp_path, "plan"):
            pass
    assert (tmp_path / "lock").read_text() == f"process {os.getpid()} on {platform.node()}"
