"""Writes docs/speed.md from the tables in results/bench."""

import csv
import importlib
import importlib.metadata
import os
import platform
from pathlib import Path

from side_by_side import REPO, RESULTS

TABLES = ["study", "imports", "seeds", "step", "embed", "starts", "decode", "fetch"]
PACKAGES = ["torch", "torchvision", "transformers", "open_clip_torch", "snakemake", "numpy"]
PEERS = ["accelerate", "clip-benchmark", "img2dataset"]


def processor() -> str:
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def section(name: str) -> str:
    title, _, rest = importlib.import_module(name).__doc__.strip().partition("\n\n")
    with open(RESULTS / f"{name}.csv", newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    lines = [head, ["---"] * len(head), *rows]
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    text = rest.replace("\n", " ").strip()
    told = f"{text}\n\n" if text else ""
    return f"## {' '.join(title.split()).rstrip('.')}\n\n`benchmarks/{name}.py`. {told}{table}\n"


def main() -> None:
    versions = {name: importlib.metadata.version(name) for name in [*PACKAGES, *PEERS]}
    told = ", ".join(f"{name} {version}" for name, version in versions.items())
    head = (
        "# Speed\n\n"
        "Written by `make bench`. Each table is one run of one program: alternatives for the same "
        "work run alternately, each in its own process, on one thread. `cpu_s` is the median of "
        "CPU seconds, `from` and `to` are the minimum and maximum, `ratio` is relative to the "
        "first line of the group.\n\n"
        f"{processor()}, {os.cpu_count()} cores, no GPU; Python {platform.python_version()}, "
        f"{told}."
    )
    made = [section(name) for name in TABLES if (RESULTS / f"{name}.csv").exists()]
    (REPO / "docs" / "speed.md").write_text("\n\n".join([head, *made]), encoding="utf-8")


if __name__ == "__main__":
    main()
