"""The workflow from outside its own folder: a study elsewhere, a module of another workflow, a
module from a hosted repository, a deployment by snakedeploy, files in a storage."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from stillact.core.tables import read_csv
from stillact.training import run_dirs
from support.projects import PROJECT, REPO, SNAKEMAKE, TINY, copy, environment

HOLDOUT = "results/splits/activity3/holdout.csv"
TAG = "v0.2.0"


class Study:
    """A folder without the workflow's files, from which Snakemake is started."""

    def __init__(self, folder: Path, files: dict[str, str | dict], **variables: str):
        self.folder, self.variables = folder, variables
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            text = content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False)
            (folder / name).write_text(text, encoding="utf-8")

    def snakemake(self, *arguments: str, good: bool = True) -> str:
        done = subprocess.run(
            [*SNAKEMAKE, *arguments],
            cwd=self.folder,
            env=environment() | self.variables,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=600,
        )
        assert (done.returncode == 0) == good, done.stdout
        return done.stdout

    def holdout(self) -> bytes:
        return (self.folder / HOLDOUT).read_bytes()


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory) -> Study:
    """A study in a folder of its own, run as far as its split."""
    study = Study(tmp_path_factory.mktemp("study"), {"config.yaml": TINY})
    start = ["-s", f"{REPO}/Snakefile", "--directory", str(study.folder)]
    Study(tmp_path_factory.mktemp("start"), {}).snakemake(*start, "--", HOLDOUT)
    return study


def test_a_study_in_a_folder_of_its_own(elsewhere):
    """Its config.yaml holds only what differs from the shipped one."""
    assert "\nreport " in elsewhere.snakemake("-s", f"{REPO}/Snakefile", "-n", "--verbose")
    assert len(read_csv(elsewhere.folder / HOLDOUT)) == 36
    assert {path.name for path in elsewhere.folder.iterdir()} == {
        *("config.yaml", "results", "cache", ".snakemake")
    }


MODULE = f"""
configfile: "config.yaml"

module stillact:
    snakefile: "{REPO}/Snakefile"
    config: config["stillact"]

use rule * from stillact as still_*

rule count:
    input: "{HOLDOUT}"
    output: "count.txt"
    default_target: True
    shell: "wc -l < {{input}} > {{output}}"

onsuccess:
    stillact.onsuccess()
"""


def test_a_module_of_another_workflow(elsewhere, tmp_path):
    """The caller's config.yaml is the caller's: stillact has the part that it is given."""
    handed_over = {"results/unfinished/run/done": run_dirs.HANDED_OVER}
    files = {"Snakefile": MODULE, "config.yaml": {"own": 1, "stillact": TINY}} | handed_over
    study = Study(tmp_path, files)
    assert "still_split" in study.snakemake("-n")
    study.snakemake()
    assert (tmp_path / "count.txt").read_text().strip() == "37"
    assert study.holdout() == elsewhere.holdout()
    assert not list((tmp_path / "results/unfinished").iterdir())


class Repository:
    """The project as a repository, and a clone of it where Snakemake looks for its own clone of
    github.com/stillact/stillact."""

    def __init__(self, source: Path, cache: Path):
        self.source, self.variables = source, {"XDG_CACHE_HOME": str(cache)}
        copy(REPO, source, *PROJECT, "config", ".gitignore")
        clone = cache / "snakemake/snakemake/source-cache/snakemake-git-cache/github.com/stillact"
        self.git("init", "--quiet", "--initial-branch", "main", ".")
        self.commit()
        self.git("tag", TAG)
        self.git("clone", "--quiet", "--bare", ".", str(clone / "stillact"))

    def git(self, *arguments: str) -> None:
        variables = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull}
        subprocess.run(["git", *arguments], cwd=self.source, env=variables, check=True)

    def commit(self) -> None:
        author = ["-c", "user.name=stillact", "-c", "user.email=stillact@example.org"]
        self.git("add", ".")
        self.git(*author, "commit", "--quiet", "--allow-empty", "--message", "stillact")


@pytest.fixture(scope="module")
def hosted(tmp_path_factory) -> Repository:
    return Repository(tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("cache"))


HOSTED = f"""
module stillact:
    snakefile: github("stillact/stillact", path="workflow/Snakefile", tag="{TAG}")
    config: {TINY!r}

use rule * from stillact
"""

# As snakedeploy 0.17.1 writes workflow/Snakefile, but for the name of the repository.
DEPLOYED = f"""\
from snakemake.utils import min_version


min_version("6.10.0")


configfile: "config/config.yaml"


# declare https://github.com/stillact/stillact as a module
module stillact:
    snakefile: 
        github("stillact/stillact", path="workflow/Snakefile", tag="{TAG}")
    config:
        config


# use all rules from https://github.com/stillact/stillact
use rule * from stillact
"""


@pytest.mark.parametrize(
    "files",
    [{"Snakefile": HOSTED}, {"workflow/Snakefile": DEPLOYED, "config/config.yaml": TINY}],
    ids=["module", "snakedeploy"],
)
def test_a_module_from_a_repository(elsewhere, hosted, tmp_path, files):
    study = Study(tmp_path, files, **hosted.variables)
    assert "\nreport " in study.snakemake("-n", "--quiet", "rules")
    # rule plan reads a file of the workflow's own
    study.snakemake("--", "plan", HOLDOUT)
    assert study.holdout() == elsewhere.holdout()
    assert len(read_csv(tmp_path / "results/plan.csv")) > 20


def test_a_deployment_as_it_comes_is_the_shipped_study_and_follows_its_branch(hosted, tmp_path):
    files = {"workflow/Snakefile": DEPLOYED.replace(f'tag="{TAG}"', 'branch="main"')}
    study = Study(tmp_path, files, **hosted.variables)
    shutil.copytree(REPO / "config", tmp_path / "config")
    for commits in (1, 2):
        dry = study.snakemake("-n", "--", "results/data/manifest.csv")
        assert "data/coco_activities.csv" in dry
        assert len(list((tmp_path / ".snakemake/stillact").iterdir())) == commits
        hosted.commit()


@pytest.mark.skipif(not shutil.which("rsync"), reason="the storage plugin fs needs rsync")
def test_results_in_a_storage(elsewhere, tmp_path):
    study, store = Study(tmp_path / "study", {"config.yaml": TINY}), tmp_path / "store"
    storage = ["--default-storage-provider", "fs", "--default-storage-prefix", str(store)]
    start = ["-s", f"{REPO}/Snakefile", *storage, "--shared-fs-usage", "none"]
    assert "\nreport " in study.snakemake(*start, "-n", "--verbose")
    study.snakemake(*start, "--", HOLDOUT)
    assert (store / HOLDOUT).read_bytes() == elsewhere.holdout()
    # the photos stay here: what reads them looks into the cache
    here = {path.name for path in (study.folder / "results").iterdir()}
    assert here == {"synthetic", "study.json"}


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            {"dataset": {"manifest": "none.csv"}},
            "dataset.manifest: there is no file 'none.csv'.",
        ),
        (
            {"recipes": {"fine_tune": {"threads": 2}}},
            "  recipes.fine_tune: 'threads' is now resources.fine_tune.threads; set that",
        ),
    ],
)
def test_a_faulty_config_is_told_in_one_line(tmp_path, change, line):
    study = Study(tmp_path, {"config.yaml": change})
    output = study.snakemake("-s", f"{REPO}/Snakefile", "-n", good=False)
    assert "Traceback" not in output
    (told,) = [one for one in output.splitlines() if line.split()[0] in one]
    assert told.startswith(line)
