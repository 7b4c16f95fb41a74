"""The paper's study on a GPU, from nothing to the report: wall-clock time, and how busy the GPU is.

Eight models, five seeds, two tasks and the augmentations of Table 3, on 285 rendered scenes, with
full-size CLIP ViT-B/32, SigLIP2 B/16 and ViT-B/16 whose weights are random: accuracies mean
nothing, and no network is needed. Cross-validation is left out. `--jobs` limits the jobs on the GPU
at once; the figure for 1 shows what sharing gains. `--tiny` tries the program itself: tiny
backbones, few photos and epochs, with or without a GPU.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pandas as pd
import study
import torch
import yaml
from side_by_side import REPO, RESULTS

sys.path.insert(0, str(REPO / "tests"))

QUERY = ["nvidia-smi", "--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader,nounits"]
SHIPPED = yaml.safe_load((REPO / "config.yaml").read_text(encoding="utf-8"))
CONFIG = {
    "dataset": {"name": "synthetic", "manifest": "results/synthetic/manifest.csv"},
    "paper": {"manifests": ["results/synthetic/manifest.csv"]},
    "tasks": {"activity3": {"models": SHIPPED["paper"]["table_7"]["models"]}},
    "cross_validation": dict.fromkeys(SHIPPED["cross_validation"], 0),
    "robustness": {"models": []},
}
TINY = {
    "synthetic": {"images_per_class": {"walking_running": 16, "sitting": 16, "standing": 16}},
    "recipes": {
        "from_scratch": {"size": 32, "max_epochs": 1},
        "fine_tune": {"max_epochs": 1},
        "mlp": {"max_epochs": 1},
    },
    "seeds": [0, 1],
}
KINDS = {"clip": "open_clip", "siglip2": "transformers_siglip", "vit": "transformers"}


def tiny(folder: Path) -> dict[str, dict]:
    """Write tiny backbones; their blocks of the config."""
    from support import tiny_backbones  # of the tests

    return {
        name: tiny_backbones.write(kind, folder / name) | located(folder / name)
        for name, kind in KINDS.items()
    }


def full(folder: Path) -> dict[str, dict]:
    """Write backbones of full size; their blocks of the config."""
    import open_clip
    import transformers
    from safetensors.torch import save_file

    for name in KINDS:
        (folder / name).mkdir(parents=True)
    clip = open_clip.create_model("ViT-B-32-quickgelu", load_weights=False)
    save_file(clip.state_dict(), folder / "clip/open_clip_model.safetensors")
    # the defaults are the base size, 224 px in patches of 16
    transformers.SiglipModel(transformers.SiglipConfig()).save_pretrained(folder / "siglip2")
    transformers.SiglipImageProcessor().save_pretrained(folder / "siglip2")
    transformers.ViTModel(transformers.ViTConfig()).save_pretrained(folder / "vit")
    transformers.ViTImageProcessor().save_pretrained(folder / "vit")
    return {name: located(folder / name) for name in KINDS}


def located(folder: Path) -> dict[str, str | None]:
    """The keys of a backbone whose weights are in a folder of this machine."""
    return {"weights": str(folder), "revision": None}


def sampled(rows: list[tuple[float, float]], done: threading.Event) -> None:
    """Add the share of time in which the GPU was busy, and its memory in use, MB, each second; with
    a CPU alone, nothing."""
    while torch.cuda.is_available() and not done.wait(1):
        answer = subprocess.run(QUERY, capture_output=True, text=True)
        if answer.returncode == 0:
            busy, memory = answer.stdout.splitlines()[0].split(", ")
            rows.append((float(busy) / 100, float(memory)))


def run(folder: Path, jobs: int) -> tuple[float, list[tuple[float, float]]]:
    """Run the study in `folder`: its wall-clock seconds, and the samples of the GPU."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPO / "Snakefile")]
    command += ["--directory", str(folder), "--cores", str(os.cpu_count())]
    samples: list[tuple[float, float]] = []
    done = threading.Event()
    sampler = threading.Thread(target=sampled, args=(samples, done))
    start = time.perf_counter()
    sampler.start()
    try:
        subprocess.run([*command, "all", "--resources", f"gpu={jobs}"], check=True)
    finally:
        seconds = time.perf_counter() - start
        done.set()
        sampler.join()
    return seconds, samples


def measured(folder: Path, config: dict, jobs: int) -> dict[str, float]:
    """Run a study in a new folder, print what its rules take, and return its row of the table."""
    folder.mkdir()
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    seconds, samples = run(folder, jobs)
    taken = study.by_rule(folder / "results")
    row = {"jobs": jobs, "wall_s": round(seconds, 1), "cpu_s": round(taken["cpu_s"].sum(), 1)}
    if samples:
        row["gpu_busy"] = round(sum(busy for busy, _ in samples) / len(samples), 3)
        row["gpu_mb"] = max(memory for _, memory in samples)
    print(taken.to_string(na_rep=""), *(f"{k}: {v}" for k, v in row.items()), sep="\n")
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, nargs="+", default=[7], help="on the GPU at once")
    parser.add_argument("--tiny", action="store_true", help="a trial of the program")
    options = parser.parse_args()
    if not options.tiny and not torch.cuda.is_available():
        sys.exit("torch finds no GPU here; --tiny runs without one")
    with tempfile.TemporaryDirectory() as name:
        blocks = (tiny if options.tiny else full)(Path(name, "weights"))
        blocks["clip_letterbox"] = blocks["clip"]
        config = CONFIG | {"backbones": blocks} | (TINY if options.tiny else {})
        rows = [measured(Path(name, str(jobs)), config, jobs) for jobs in options.jobs]
    RESULTS.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(RESULTS / "gpu_study.csv", index=False)


if __name__ == "__main__":
    main()
