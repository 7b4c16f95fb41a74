"""Memory of `predict` as photos go by: 2,000 rendered scenes, 20 of them spoilt."""

import argparse
import itertools
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import timm
import torch

from stillact.config.data import Fetch
from stillact.core.tables import read_csv
from stillact.inference import predict
from stillact.synthetic import rendering

LOOK = dict(size=224, geometry="resize_crop", interpolation="bicubic", crop=0.9)
SPOILT = {
    "truncated": lambda content: content[: len(content) // 3],
    "empty": lambda content: b"",
    "a page": lambda content: b"<!doctype html>" + content[:100],
    "noise behind a header": lambda content: content[:20] + content[600:900],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--spoilt", type=int, default=20)
    options = parser.parse_args()
    torch.manual_seed(0)
    network = timm.create_model("vit_tiny_patch16_224", num_classes=3).eval()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "photos")
        folder.mkdir()
        with ProcessPoolExecutor() as pool:
            list(pool.map(_render, itertools.repeat(folder), range(options.photos), chunksize=20))
        kinds = itertools.cycle(SPOILT.values())
        spoilt = sorted(folder.iterdir())[:: options.photos // options.spoilt][: options.spoilt]
        for path, spoil in zip(spoilt, kinds, strict=False):
            path.write_bytes(spoil(path.read_bytes()))
        done, start, resident = 0, time.perf_counter(), {}

        @torch.no_grad()
        def ask(views: list[np.ndarray]) -> list[predict.Predicted]:
            nonlocal done
            (photos,) = views
            pixels = torch.from_numpy(photos).permute(0, 3, 1, 2).float() / 127.5 - 1
            done += len(photos)
            answers = network(pixels).softmax(1).double().numpy()
            resident[done] = _resident_mb()
            return [predict.Predicted(row) for row in answers]

        photos = predict.in_folder(folder)
        found = list(zip(photos["file"], photos["reason"], strict=True))
        limits = Fetch()
        told = predict.answers(found, [LOOK], limits, ask, threads=2)
        predict.write(photos, told, rendering.LABELS, 0.5, 0.1, Path(name, "predictions.csv"))
        seconds = time.perf_counter() - start
        table = read_csv(Path(name, "predictions.csv"))
    unread = table[table["status"] != "ok"]
    print(f"{len(table)} photos in {seconds:.0f} s: {len(table) / seconds:.0f} photos/s")
    print(
        f"{len(unread)} unreadable, all of them those spoilt: "
        f"{set(unread['path']) == {path.name for path in spoilt}}"
    )
    print(unread["reason"].str.partition(" (")[0].value_counts().to_string(header=False))
    for share in (0.25, 0.5, 1):
        nearest = min(resident, key=lambda at: abs(at - share * options.photos))
        print(f"after {nearest:5d} photos {resident[nearest]:6.0f} MB resident")


def _render(folder: Path, number: int) -> None:
    scene = rendering.render(rendering.LABELS[number % 3], number, longest=320)
    scene.image.save(folder / f"{number:05d}.jpg", quality=scene.jpeg_quality)


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main()
