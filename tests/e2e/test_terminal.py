"""What a user sees while a study runs: a line per job; Snakemake's own messages with --verbose."""

import os
import pty
import re
import subprocess

import pytest

from support.projects import SNAKEMAKE, environment

SPLIT = "results/splits/activity3/holdout.csv"
FINISHED = re.compile(r"(?m)^\[ *(\d+)/(\d+)\] (.+?) \(\d+ (?:s|min)\)(?:, (.+))?$")
SCAFFOLDING = (
    "SNAKEMAKE",
    "Building DAG of jobs",
    "Provided cores",
    "Job stats",
    "Select jobs to execute",
    "Execute 1 jobs",
    "Reason: ",
    "Finished jobid",
    "steps (",
    "Elapsed time",
)
MESSAGES = [
    "Checking results/synthetic/manifest.csv",
    "Fetching the photos of results/data/manifest.csv into cache",
    "Finding duplicate photos",
    "Rendering scenes",
    "Splitting the photos of activity3",
]


def scaffolding(printed: str) -> list[str]:
    return [words for words in SCAFFOLDING if words in printed]


def assert_a_line_per_job(printed: str) -> None:
    finished = FINISHED.findall(printed)
    assert [(int(n), int(total)) for n, total, _, _ in finished] == [(n, 5) for n in range(1, 6)]
    assert sorted(message for _, _, message, _ in finished) == MESSAGES
    left = [words for _, _, _, words in finished]
    assert left == [*["less than a minute left"] * 4, ""]


def test_a_line_per_job(project):
    printed = project.run("--", SPLIT)
    assert_a_line_per_job(printed)
    assert re.search(r"(?m)^5 jobs: about \d+ s on 2 cores, 0\.0 GB of disk$", printed)
    assert scaffolding(printed) == []
    assert re.search(r"(?m)^fetch: 36 of 36 photos", printed)  # what jobs log
    assert len(printed.splitlines()) < 15
    (log,) = (project.folder / ".snakemake/log").iterdir()
    assert scaffolding(log.read_text()) == list(SCAFFOLDING)


def test_the_same_on_a_terminal(project):
    ours, theirs = pty.openpty()
    command = [*SNAKEMAKE, "--configfile", "study.yaml", "--", SPLIT]
    variables = environment() | {"TERM": "xterm"}
    with subprocess.Popen(
        command, cwd=project.folder, env=variables, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        printed = b""
        while True:
            try:
                printed += os.read(ours, 2**16)
            except OSError:  # the other end is closed
                break
    os.close(ours)
    text = printed.decode().replace("\r\n", "\n")
    assert process.returncode == 0, text
    assert "\033[32m[1/5] " in text  # in colour
    plain = re.sub(r"\033\[[\d;?]*[a-zA-Z]", "", text)
    assert_a_line_per_job(plain)
    assert scaffolding(plain) == []


@pytest.mark.parametrize("options", [[], ["--quiet", "rules"]])
def test_a_dry_run_says_what_would_run_and_why(project, options):
    printed = project.run("--dry-run", *options, "--", SPLIT)
    *rules, total, ending = printed.splitlines()[-4:]
    assert rules == [
        "data         4  missing output: manifest, fetch, duplicates, split",
        "synthetic    1  missing output: synthetic_dataset",
    ]
    assert total.startswith("5 jobs: about ")
    assert ending == "This was a dry run: --verbose lists each job with its files"
    assert scaffolding(printed) == []


def test_a_dry_run_of_a_changed_study_names_the_change(project):
    project.run("--", SPLIT)
    project.configure({"splits": {"kfold": {"folds": 4}}})
    printed = project.run("--dry-run", "--", SPLIT)
    assert printed.splitlines()[-4:-2] == [
        "data    1  changed settings or code: manifest",
        "data    3  after other jobs: fetch, duplicates, split",
    ]


def test_snakemakes_own_messages(project):
    printed = project.run("--verbose", "--", SPLIT)
    assert scaffolding(printed) == list(SCAFFOLDING)
    assert not FINISHED.search(printed)


def test_quiet_is_quiet(project):
    printed = project.run("--quiet", "all", "--", "results/data/manifest.csv")
    assert scaffolding(printed) == []
    assert not FINISHED.search(printed)
    assert " jobs: " not in printed


def test_an_error_is_told_and_nothing_else(project):
    (project.folder / "own.csv").write_text("url,label\na.jpg,sitting\nb.jpg,stting\n")
    project.configure({"dataset": {"manifest": "own.csv"}})
    printed = project.fail("--", SPLIT)
    assert "error: " in printed
    assert "unknown label 'stting'" in printed
    assert "Error in rule manifest:" in printed
    assert "log: results/logs/manifest.log (check log file(s) for error details)" in printed
    assert "Complete log(s): " in printed
    assert "4 jobs, without an estimate of the time" in printed
    assert not FINISHED.search(printed)
    hidden = {"Provided cores", "Job stats", "Select jobs to execute", "Elapsed time"}
    assert hidden.isdisjoint(scaffolding(printed))


def test_a_target_without_an_estimate_says_so(project):
    printed = project.run("--dry-run", "--", "plan")
    assert "\n1 job, without an estimate of the time\n" in printed
