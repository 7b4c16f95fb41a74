"""Start-up of Snakemake: printing the version, and building the DAG of the paper's study (`-n`).

With `--finished FOLDER`, a copy of this project with a finished study, also a run that finds
nothing to do.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import side_by_side

PROJECT = ["Snakefile", "config.yaml", "workflow", "envs", "profiles", "data"]


def called(*arguments: str, folder: Path | None = None) -> None:
    command = [sys.executable, "-m", "snakemake", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)


def version(options) -> None:
    called("--version")


def dry_run(options) -> None:
    with tempfile.TemporaryDirectory() as name:
        for part in PROJECT:
            source = side_by_side.REPO / part
            copy = shutil.copytree if source.is_dir() else shutil.copy2
            copy(source, Path(name, part))
        called("--cores", "1", "-n", "--quiet", "all", folder=Path(name))


def nothing_to_do(options) -> None:
    called("--cores", "1", "--quiet", "all", *options.finished[1:], folder=options.finished[0])


WAYS = {"snakemake --version": version, "snakemake -n, no results yet": dry_run}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--finished",
        nargs=argparse.REMAINDER,
        metavar="FOLDER",
        help="of a finished study, and Snakemake's options for it",
    )
    if "--finished" in sys.argv:
        WAYS["snakemake, nothing to do"] = nothing_to_do
    side_by_side.run("starts", WAYS, parser)
