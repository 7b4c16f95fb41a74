"""Alternatives for the same work, measured alternately, and their table.

Each runs in its own process, on one thread; they alternate, so that a machine that is busy for a
while slows all of them. The table has medians of CPU seconds, and their ratios to the first
alternative of the group ("cnn: plain loop" is in the group "cnn").
"""

import argparse
import csv
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

REPO = Path(__file__).parents[1]
RESULTS = REPO / "results" / "bench"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
ONE_THREAD |= {"HF_HUB_OFFLINE": "1", "PYTHONPATH": str(REPO / "workflow" / "lib")}
# as workflow/rules/training.smk sets them
KEEP = {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1)}

Way = Callable[[argparse.Namespace], float | None]


def run(
    name: str,
    ways: Mapping[str, Way],
    parser: argparse.ArgumentParser,
    units: Callable[[argparse.Namespace, str], tuple[float, str] | None] = lambda *_: None,
    environment: Callable[[str], dict[str, str]] = lambda way: {},
    counted: str = "cpu_s",
) -> None:
    """Measure the ways, print the table and write results/bench/{name}.csv.

    Args:
        name: of the table.
        ways: functions that do the work of a way once, in the way's process; they return the CPU
            seconds that count, or None where those of the whole process do, with its children's.
        parser: of the program's options; `--repeats` is added.
        units: of a way what is done in that time, for a column with the rate, such as 64 "images".
        environment: of a way's process, beside one thread.
        counted: the name of what the ways return.
    """
    parser.add_argument("--repeats", type=int, default=3, help="processes a way, of which medians")
    parser.add_argument("--only", choices=ways, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(ways[options.only](options)))
        return
    found: dict[str, list[float]] = {way: [] for way in ways}
    for repeat in range(options.repeats):
        for way in ways:
            env = {**os.environ, **ONE_THREAD, **environment(way)}
            command = [sys.executable, sys.argv[0], "--only", way, *sys.argv[1:]]
            found[way].append(_seconds(command, env))
            print(f"{repeat + 1}/{options.repeats} {way}: {found[way][-1]:.2f} s", file=sys.stderr)
    _tell(name, found, {way: units(options, way) for way in ways}, counted)


def _seconds(command: list[str], env: dict[str, str]) -> float:
    whole, printed = of_process(command, env)
    counted = json.loads(printed.splitlines()[-1])
    return whole if counted is None else counted


def of_process(command: list[str], env: Mapping[str, str]) -> tuple[float, str]:
    """CPU seconds of a process and its children, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def _tell(name: str, found: dict[str, list[float]], units: dict, counted: str) -> None:
    firsts: dict[str, float] = {}
    rows = []
    for way, seconds in found.items():
        median = statistics.median(seconds)
        first = firsts.setdefault(way.rpartition(": ")[0], median)
        row = {"way": way, counted: f"{median:.3g}"}
        row |= {"from": f"{min(seconds):.3g}", "to": f"{max(seconds):.3g}"}
        row |= {"processes": len(seconds)}
        row["ratio"] = f"{median / first:.2f}"
        if units[way]:
            count, unit = units[way]
            row["rate"] = f"{count / median:.3g} {unit}/s"
        rows.append(row)
    RESULTS.mkdir(parents=True, exist_ok=True)
    with open(RESULTS / f"{name}.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, max(rows, key=len), restval="")
        writer.writeheader()
        writer.writerows(rows)
    width = max(map(len, found))
    for row in rows:
        print(f"{row['way']:{width}} {row[counted]:>8} s  {row['ratio']:>6}  {row.get('rate', '')}")


def timed(work: Callable[[], object], times: int = 1) -> float:
    """CPU seconds of one call, the median of `times`, after a first one that does not count."""
    work()
    seconds = []
    for _ in range(times):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return statistics.median(seconds)


def photos(folder: Path, count: int, source: Path | None) -> list[Path]:
    """JPEG files: the first of a folder, or rendered scenes."""
    if source:
        return sorted(source.glob("*.jpg"))[:count]
    from stillact.synthetic import rendering

    kinds = {name: -(-count // 3) for name in rendering.LABELS}
    table = rendering.write_dataset(folder, kinds, seed=1)
    return [folder / url for url in table["url"]][:count]


def on_photos(way: Callable[[argparse.Namespace, list[Path], Path], Callable[[], object]]) -> Way:
    """Of a function that takes options, photos and a folder, and returns the work to be timed."""

    def measure(options: argparse.Namespace) -> float:
        with tempfile.TemporaryDirectory() as name:
            paths = photos(Path(name), options.count, options.photos)
            return timed(way(options, paths, Path(name)))

    return measure


def photo_options(parser: argparse.ArgumentParser, count: int) -> None:
    parser.add_argument("--count", type=int, default=count, help="photos")
    parser.add_argument(
        "--photos", type=Path, metavar="FOLDER", help="of JPEG files, in place of rendered scenes"
    )
