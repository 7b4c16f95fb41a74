"""Kill a whole study at random, again and again, start it again each time, and compare its end with
that of an undisturbed one.

    .venv/bin/python tests/torture/kills.py [--study demo] [--kills 20] [--seed 0]

Each kill waits for a number of jobs to be done, all numbers being as likely, and then for up to
`--within` seconds, or until one job is left. SIGKILL goes to the whole session, Snakemake and its
jobs; then comes `snakemake --unlock`, and the next start. Exit status 1 if anything is lost, done
twice or differs.
"""

import argparse
import base64
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "workflow/lib"))
from support.projects import PROJECT, REPO, copy, environment, write_weights

# Minutes in place of a quarter of an hour: one model of each kind.
SMALL = {
    "tasks": {
        "activity3": {"models": ["cnn_base", "clip_ic", "clip_em", "clip_probe"]},
        "sit_stand": None,
    },
    "cross_validation": {"mlp": 0, "linear_probe": 0},
    "paper": {
        "table_3": {
            "variants": dict.fromkeys(
                [
                    "perspective",
                    "all_combined",
                    "random_resized_crop",
                    "colour_jitter",
                    "gaussian_blur",
                    "rotation",
                    "horizontal_flip",
                    "greyscale",
                ]
            )
        }
    },
}

# Tables, arrays and weights: what holds no times. (A page, a log and a meta.json tell seconds.)
COMPARED = (".csv", ".npy", ".safetensors")
TRAINED = re.compile(r"^(\S+/seed_\d+): \d+ epochs", re.MULTILINE)
TAKEN = re.compile(r"^(\S+/seed_\d+): already trained in an earlier run", re.MULTILINE)
RESUMED = re.compile(r"^resuming after epoch \d+", re.MULTILINE)


class Study:
    """A copy of the project in a folder of its own, and the starts of Snakemake in it."""

    def __init__(self, folder: Path, kind: str):
        self.folder, self.starts = folder, folder / "starts"
        self.options = ["--verbose", "--workflow-profile", "profiles/demo"]
        if kind == "small":
            self.options = ["--verbose", "--configfile", "study.yaml"]
        if self.starts.exists():  # an undisturbed study of an earlier call
            return
        self.starts.mkdir(parents=True)
        project = copy(REPO, folder, *PROJECT)
        if kind == "small":
            project.configure(SMALL)
            write_weights(folder / "weights")

    def start(self, *arguments: str) -> tuple[subprocess.Popen, Path]:
        """Snakemake in a session of its own, and the file that it and its jobs write to."""
        said = self.starts / f"{len(list(self.starts.iterdir())):02}.log"
        command = [sys.executable, "-m", "snakemake", "--cores", "2", *self.options, *arguments]
        with open(said, "w") as file:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=environment(),
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return process, said

    def run(self, *arguments: str) -> None:
        process, said = self.start(*arguments)
        if process.wait():
            sys.exit(f"FAILED: {' '.join(process.args)}\n{said.read_text()[-3000:]}")

    def said(self) -> str:
        return "".join(path.read_text() for path in sorted(self.starts.iterdir()))

    def made(self) -> dict[str, tuple[float, str]]:
        """Of each output that Snakemake has down as whole, when it was begun and by which job."""
        books = self.folder / ".snakemake"
        found = {}
        for record in (path for path in (books / "metadata").rglob("*") if path.is_file()):
            key = str(record.relative_to(books / "metadata"))
            if not (books / "incomplete" / key).exists():
                told = json.loads(record.read_text())
                name = "".join(part.removeprefix("@") for part in Path(key).parts)
                name = base64.urlsafe_b64decode(name).decode()
                found[name] = told["starttime"], f"{told['rule']} {told['log']}"
        return found

    def done(self) -> int:
        """The number of jobs that are."""
        return len({job for _, job in self.made().values()})

    def results(self) -> dict[str, bytes]:
        results = self.folder / "results"
        files = sorted(path for path in results.rglob("*") if path.suffix in COMPARED)
        return {str(path.relative_to(results)): path.read_bytes() for path in files}

    def leavings(self) -> list[str]:
        """Half-written files, and trainings under way."""
        results = self.folder / "results"
        hidden = (path for path in results.rglob(".*") if path.is_file())
        parts = [path for path in hidden if path.name != ".snakemake_timestamp"]
        return [str(path) for path in [*parts, *results.glob("unfinished/*")]]


def kill_at(study: Study, jobs: int, seconds: float, last: int) -> dict:
    """Start, and kill once so many jobs are done and seconds have gone since: at the earliest since
    the first job of this start. Once `last` jobs are done, no second is waited for."""
    before = study.made()
    already = study.done()
    process, said = study.start()
    counted_from = None
    while process.poll() is None:
        text = said.read_text()
        done = already + text.count("\nFinished jobid:")
        if counted_from is None and "\nExecute " in text and done >= jobs:
            counted_from = time.monotonic()
        waited = time.monotonic() - counted_from if counted_from else 0
        if counted_from and (waited >= seconds or done >= last):
            break
        time.sleep(0.05)
    else:
        sys.exit(f"FAILED: ended before it was to be killed\n{said.read_text()[-3000:]}")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    orphans = living(study.folder)
    after, text = study.made(), said.read_text()
    begun = len(re.findall(r"^Job \d+: ", text, re.MULTILINE))
    told = {
        "wanted": f"{jobs} jobs + {seconds:.1f} s",
        "jobs done": study.done(),
        "cut": begun - text.count("\nFinished jobid:"),
        "lost": sorted(before.keys() - after.keys()),
        "again": sorted(name for name in before if after.get(name, before[name]) != before[name]),
        "taken": len(TAKEN.findall(text)),
        "resumed": len(RESUMED.findall(text)),
        "orphans": len(orphans),
    }
    study.run("--unlock")
    return told


def living(folder: Path) -> list[psutil.Process]:
    """Processes at work in a folder, a while after they were killed."""
    time.sleep(0.3)
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()) == folder and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            pass
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--study", choices=["demo", "small"], default="demo")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--within", type=float, default=20, help="seconds")
    parser.add_argument("--folder", type=Path, help="kept; default: a temporary one")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (given.folder or Path(temporary)).resolve()
        undisturbed = Study(folder / "undisturbed", given.study)
        undisturbed.run()
        print(f"undisturbed: {undisturbed.done()} jobs", flush=True)
        shutil.rmtree(folder / "killed", ignore_errors=True)
        sys.exit(torture(undisturbed, Study(folder / "killed", given.study), given))


def torture(undisturbed: Study, study: Study, given: argparse.Namespace) -> int:
    rows, most = [], undisturbed.done()
    draws = [random.Random(f"{given.seed} {kill}") for kill in range(given.kills)]
    moments = [(draw.randrange(most), draw.uniform(0, given.within)) for draw in draws]
    for number, moment in enumerate(sorted(moments), 1):
        rows.append(kill_at(study, *moment, most - 1))
        shown = {**rows[-1], "lost": len(rows[-1]["lost"]), "again": len(rows[-1]["again"])}
        print(f"kill {number}: " + ", ".join(f"{k} {v}" for k, v in shown.items()), flush=True)
    before = study.made()
    study.run()
    after = study.made()
    again = [name for row in rows for name in row["again"]]
    again += [name for name in before if after[name] != before[name]]
    text = study.said()
    twice = [run for run, times in Counter(TRAINED.findall(text)).items() if times > 1]
    ours, theirs = study.results(), undisturbed.results()
    different = [name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)]
    faults = {
        "finished outputs lost": [name for row in rows for name in row["lost"]],
        "finished outputs made again": again,
        "runs trained twice": twice,
        "files that differ": sorted(different),
        "left behind": study.leavings(),
        "processes that outlived a kill": [row for row in rows if row["orphans"]],
    }
    print(
        f"killed {len(rows)} times: {study.done()} jobs, {sum(r['cut'] for r in rows)} cut; "
        f"{len(set(TRAINED.findall(text)))} runs trained, {len(TAKEN.findall(text))} taken from "
        f"an earlier start, {len(RESUMED.findall(text))} gone on with; "
        f"{len(theirs)} files compared"
    )
    for what, names in faults.items():
        print(f"{what}: {len(names)}", *(f"\n    {name}" for name in names[:20]))
    return int(any(faults.values()))


if __name__ == "__main__":
    main()
