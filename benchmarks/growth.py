"""A study of more and more photos, from the fetch to predictions: what each stage takes of time and
memory, and whether time grows as the photos do. The model is a linear probe on a tiny backbone, and
`predict` is asked about all photos again.

The photos are parts of rendered scenes, mirrored at random: every file is another one, and to the
search for duplicates most are other photos too. With `--burst`, the search alone is measured on
near-copies of one scene: in another light, size and quality.
"""

import argparse
import csv
import hashlib
import itertools
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from PIL import Image, ImageEnhance, ImageOps

from stillact.data import duplicates
from stillact.planning import past
from stillact.synthetic import rendering

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

STUDY = {
    "dataset": {"name": "growth", "manifest": "photos.csv"},
    "tasks": {"activity3": {"models": ["probe"]}, "sit_stand": None},
    "backbones": {
        "tiny": {"loader": "timm", "name": "local-dir:", "weights": "weights"},
    },
    "models": {"probe": {"recipe": "linear_probe", "backbone": "tiny"}},
    "cross_validation": {"linear_probe": 0},
    "seeds": [0],
    "device": "cpu",
    "photos": "asked",
    "deploy": "probe",
}
TARGETS = ["data/pack/resize_crop_224.npy", "data/audit.csv", "statistics/activity3/pooled.csv"]
TARGETS += ["errors/activity3/rates.csv", "predict/predictions.csv", "report.html"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, nargs="+", default=[300, 2000, 20000])
    parser.add_argument("--scenes", type=int, default=400, help="rendered; photos are parts")
    parser.add_argument("--all", action="store_true", help="print the stages of seconds too")
    parser.add_argument("--burst", type=int, nargs="+", help="near-copies; no study is run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.burst:
            print_bursts(folder, options.burst)
            return
        made = photos(folder / "photos", max(options.photos), options.scenes)
        taken = {count: study(folder / str(count), made[:count]) for count in options.photos}
    print_table(taken, options.all)


def photos(folder: Path, count: int, scenes: int) -> list[tuple[str, str]]:
    """Write so many photos; the file and the label of each."""
    folder.mkdir()
    with ProcessPoolExecutor() as pool:
        parts = -(-count // scenes)
        labels = list(
            pool.map(
                _photos_of,
                itertools.repeat(folder),
                range(scenes),
                itertools.repeat(parts),
                chunksize=10,
            )
        )
    # every scene's first part, then every scene's second: few photos are of many scenes too
    return [
        (str(folder / f"{scene:05d}_{part}.jpg"), labels[scene])
        for part in range(parts)
        for scene in range(scenes)
    ][:count]


def _photos_of(folder: Path, number: int, parts: int) -> str:
    label = rendering.LABELS[number % 3]
    scene = rendering.render(label, number, longest=320)
    rng = np.random.default_rng(number)
    for part in range(parts):
        across, down = (rng.uniform(0.5, 1, 2) * scene.image.size).astype(int)
        room = np.array(scene.image.size) - (across, down)
        left, top = (rng.uniform(0, 1, 2) * room).astype(int)
        photo = scene.image.crop((left, top, left + across, top + down))
        photo = ImageOps.mirror(photo) if rng.random() < 0.5 else photo
        photo.resize((320, 240), Image.Resampling.BILINEAR).save(
            folder / f"{number:05d}_{part}.jpg", quality=scene.jpeg_quality
        )
    return label


def study(folder: Path, made: list[tuple[str, str]]) -> dict[str, past.Taken]:
    """What each rule of a study of these photos took."""
    # here, because it loads torch, and the memory of a burst is that of a process of this file
    from support import tiny_backbones  # of the tests

    folder.mkdir()
    for part in ("Snakefile", "config.yaml", "workflow", "envs", "data"):
        (folder / part).symlink_to(ROOT / part)
    tiny_backbones.write("timm", folder / "weights")
    with open(folder / "photos.csv", "w", newline="") as file:
        csv.writer(file).writerows([("url", "label"), *made])
    (folder / "asked").mkdir()
    for url, _ in made:
        os.link(url, folder / "asked" / Path(url).name)
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY))
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--configfile", "study.yaml"]
    done = subprocess.run(
        [*command, "--", *(f"results/{target}" for target in TARGETS)],
        cwd=folder,
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    print(f"{len(made)} photos done", file=sys.stderr, flush=True)
    told = folder / "results/benchmarks"
    paths = sorted(told.rglob("*.tsv"))
    return {str(path.relative_to(told).with_suffix("")): past.taken(path) for path in paths}


def print_bursts(folder: Path, counts: list[int]) -> None:
    """What the search for duplicates takes of each number of near-copies."""
    scene = rendering.render(rendering.LABELS[0], 0, longest=320).image
    rng = np.random.default_rng(0)
    files = [folder / f"{i:05d}.jpg" for i in range(max(counts))]
    for file in files:
        size = (rng.uniform(0.7, 1) * np.array(scene.size)).astype(int)
        copy = ImageEnhance.Brightness(scene).enhance(rng.uniform(0.85, 1.15))
        copy.resize(size.tolist()).save(file, quality=int(rng.integers(60, 96)))
    spawn = multiprocessing.get_context("spawn")  # a process of its own, for its peak memory
    for count in counts:
        with ProcessPoolExecutor(1, mp_context=spawn) as pool:
            rows, seconds, memory = pool.submit(_search, files[:count]).result()
        print(f"{count} near-copies: {seconds:.1f} s, {memory} MB, {rows} rows", flush=True)


def _search(files: list[Path]) -> tuple[int, float, int]:
    """Rows found, CPU seconds and peak memory, MB."""
    hashes = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    images = pd.DataFrame({"id": [file.stem for file in files], "sha256": hashes})
    start = time.process_time()
    rows = len(duplicates.find(images, files, 8))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return rows, time.process_time() - start, peak


def print_table(taken: dict[int, dict[str, past.Taken]], every: bool) -> None:
    """CPU seconds and memory of each stage at each size. The ratio is the time of a further photo
    between the largest two sizes over that between the smallest two: 1 is a straight line."""
    sizes = sorted(taken)
    for name in taken[sizes[-1]]:
        of = [taken[size].get(name) for size in sizes]
        if None in of or (of[-1].seconds < 5 and not every):
            continue
        slopes = [
            (b.cpu_s - a.cpu_s) / (n - m)
            for (m, a), (n, b) in itertools.pairwise(zip(sizes, of, strict=True))
        ]
        ratio = f"{slopes[-1] / slopes[0]:.1f}" if len(slopes) > 1 and slopes[0] > 1e-4 else "-"
        print(name, *(f"{t.cpu_s:.1f} s, {t.memory_mb:.0f} MB" for t in of), ratio, sep=" | ")


if __name__ == "__main__":
    main()
