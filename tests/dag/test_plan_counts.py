"""The plan counts the jobs that Snakemake would run, and says what an estimate stands on."""

import collections
import re
import subprocess
import sys

import pytest

from stillact.core.tables import read_csv
from support.projects import environment

TRAINING = re.compile(
    r"train_([a-z_]+?)_(?:unsaved_|saved_)?(holdout|shuffled|cv_\d+_\d+)_seed_\d+"
)
STUDIES = {
    "tiny": ["--configfile", "study.yaml"],
    "default": [],
    "demo": ["--workflow-profile", "profiles/demo"],
}


def snakemake(folder, *arguments):
    command = [sys.executable, "-m", "snakemake", "--cores", "1", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment(), text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("study", STUDIES)
def test_the_jobs_are_those_that_snakemake_would_run(study, project):
    folder = project.folder
    snakemake(folder, *STUDIES[study], "--", "plan")
    plan = read_csv(folder / "results/plan.csv").set_index("rule")
    printed = snakemake(folder, *STUDIES[study], "--dry-run", "--verbose")
    stats = re.findall(r"(?m)^(\w+) +(\d+)$", printed.split("Job stats:")[1])
    wanted = collections.Counter()
    for rule, count in stats:
        named = TRAINING.fullmatch(rule)
        wanted[named[1] if named else rule] += int(count)
    assert wanted.pop("total") > 50
    wanted.pop("all")
    assert plan["jobs"].drop("all").to_dict() == wanted
    assert plan.loc["all", "jobs"] == wanted.total()
    assert (plan["estimated_from"].drop("all") == "shipped figures").all()
