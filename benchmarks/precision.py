"""Frozen backbones in bfloat16 and in float32: speed, and how many answers of a probe change.

For each backbone of a finished study: photos per CPU second, the cosine of the embeddings of both
precisions (lowest), the largest difference of a component of a normalised embedding, and of the
cross-validated predictions of a linear probe the number that differ and the accuracy of each.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from side_by_side import RESULTS

from stillact.config.training import LinearProbe
from stillact.core.tables import read_csv
from stillact.models import embed, probe
from stillact.models.backbones import loading
from stillact.models.prompts import normalised
from stillact.models.records import BackboneRecord

PENALTIES = LinearProbe(c=[0.1, 1, 10, 100, 1000, 10000], folds=5)


def answers(embeddings: np.ndarray, ids: list[str], kfold: pd.DataFrame) -> np.ndarray:
    """Out-of-fold classes of a probe, by photo, in the first repeat."""
    rows = kfold[kfold["repeat"] == 0].set_index("image_id").loc[ids]
    labels, names = pd.factorize(rows["label"], sort=True)
    found = np.empty(len(ids), int)
    for fold in rows["fold"].unique():
        test = (rows["fold"] == fold).to_numpy()
        made = probe.fit(embeddings[~test], labels[~test], len(names), PENALTIES)
        found[test] = (embeddings[test] @ made.weight.T + made.bias).argmax(1)
    return found


def embedded(record: Path, precision: str, photos: np.ndarray) -> tuple[np.ndarray, float]:
    """L2-normalised embeddings, and photos per CPU second."""
    backbone = loading.frozen(record, torch.device("cpu"), precision)
    embed.of_photos(backbone, photos[:8])
    start = time.process_time()
    found = embed.of_photos(backbone, photos)
    return normalised(found), len(photos) / (time.process_time() - start)


def compared(study: Path, backbone: str, task: str) -> dict:
    folder = Path("results/backbones", backbone)
    photos = np.load(folder / "photos.npy", mmap_mode="r")
    index, kfold = read_csv(folder / "photos.csv"), read_csv(f"results/splits/{task}/kfold.csv")
    of = {way: embedded(folder / "weights.json", way, photos) for way in ("fp32", "bf16")}
    (plain, slow), (fast, quick) = of["fp32"], of["bf16"]
    used = index["image_id"].isin(kfold["image_id"]).to_numpy()
    ids = index.loc[used, "image_id"].tolist()
    truth = pd.factorize(
        kfold.drop_duplicates("image_id").set_index("image_id").loc[ids, "label"], sort=True
    )[0]
    both = [answers(found[used], ids, kfold) for found in (plain, fast)]
    return {
        "study": study.name,
        "backbone": backbone,
        "photos": len(ids),
        "fp32_rate": slow,
        "bf16_rate": quick,
        "ratio": quick / slow,
        "cosine": (plain * fast).sum(1).min(),
        "largest": abs(plain - fast).max(),
        "changed": int((both[0] != both[1]).sum()),
        **{f"{way}_accuracy": (one == truth).mean() for way, one in zip(of, both, strict=True)},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("studies", type=Path, nargs="+", help="folders of finished studies")
    parser.add_argument("--task", default="activity3")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows, here = [], Path.cwd()
    for study in options.studies:
        os.chdir(study)
        for record in sorted(Path("results/backbones").glob("*/photos.npy")):
            name = record.parent.name
            if not BackboneRecord.read(record.with_name("weights.json")).name.startswith("pose"):
                rows.append(compared(study, name, options.task))
        os.chdir(here)
    table = pd.DataFrame(rows)
    RESULTS.mkdir(parents=True, exist_ok=True)
    table.to_csv(RESULTS / "precision.csv", index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
