"""Killed with SIGKILL and started again: the same bytes, and nothing finished is done again."""

import os
import shutil
import signal
import subprocess
import time

import pandas as pd

RUN = "results/runs/activity3/cnn_base/holdout/seed_0/predictions.csv"
LONG = {
    "recipes": {"from_scratch": {"size": 32, "max_epochs": 50, "patience": 50}},
    "seeds": [0, 1, 2],
    "runs_per_job": 3,
}


def wait_for(condition, process: subprocess.Popen, what: str) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, f"ended before {what}: {process.communicate()[0]}"
        assert time.monotonic() < end, f"no {what}"
        time.sleep(0.02)


def kill(process: subprocess.Popen) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def test_killed_while_training(rerun):
    rerun.configure(LONG)
    runs = rerun.folder / "results/runs"
    shutil.rmtree(runs)
    rerun.run("--", RUN)
    undisturbed = rerun.csv_bytes()
    assert sum("/cnn_base/" in name for name in undisturbed) == 6
    shutil.rmtree(runs)
    unfinished = rerun.folder / "results/unfinished"
    process = rerun.start("--", RUN, start_new_session=True)
    wait_for(lambda: list(unfinished.glob("*/done")), process, "finished run")
    kill(process)
    finished = len(list(unfinished.glob("*/done")))
    assert finished < 3
    assert not (rerun.folder / RUN).exists()
    rerun.run("--unlock")
    output = rerun.run("--", RUN)
    assert output.count("already trained in an earlier run") == finished
    assert rerun.csv_bytes() == undisturbed
    assert not list(unfinished.iterdir())


def test_killed_while_fetching(project, server):
    urls = [f"{server.url}/slow/{i}" for i in range(30)]
    table = pd.DataFrame({"url": urls, "label": ["walking_running", "sitting", "standing"] * 10})
    table.to_csv(project.folder / "own.csv", index=False)
    project.configure({"dataset": {"manifest": "own.csv"}, "fetch": {"concurrency": 1}})
    images = project.folder / "results/data/images.csv"
    process = project.start("--", "results/data/images.csv", start_new_session=True)
    wait_for(lambda: sum(server.requests.values()) >= 6, process, "sixth request")
    kill(process)
    assert not images.exists()
    project.run("--unlock")
    project.run("--", "results/data/images.csv")
    assert len(server.requests) == len(urls)
    assert sum(server.requests.values()) <= len(urls) + 1  # one was under way
    assert (pd.read_csv(images)["status"] == "ok").all()


def test_a_second_start_in_the_folder_ends_at_once(project, server):
    urls = [f"{server.url}/drip/{i}" for i in range(30)]
    table = pd.DataFrame({"url": urls, "label": ["walking_running", "sitting", "standing"] * 10})
    table.to_csv(project.folder / "own.csv", index=False)
    project.configure({"dataset": {"manifest": "own.csv"}})
    process = project.start("--", "results/data/images.csv", start_new_session=True)
    wait_for(lambda: server.requests, process, "request")
    printed = project.fail("--", "results/data/images.csv")
    assert "Directory cannot be locked" in printed
    assert "--unlock" in printed
    assert process.poll() is None  # the first goes on
    kill(process)


def test_a_new_row_fetches_one_photo(project, server):
    urls = [f"{server.url}/photo/{i}" for i in range(12)]
    table = pd.DataFrame({"url": urls, "label": ["walking_running", "sitting", "standing"] * 4})
    table[:-1].to_csv(project.folder / "own.csv", index=False)
    project.configure({"dataset": {"manifest": "own.csv"}})
    project.run("--", "results/data/images.csv")
    assert sum(server.requests.values()) == 11
    table.to_csv(project.folder / "own.csv", index=False)
    project.run("--", "results/data/images.csv")
    assert sum(server.requests.values()) == 12
