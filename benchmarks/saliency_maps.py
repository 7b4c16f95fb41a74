"""LeGrad maps of a CLIP ViT-B/32: their time in forward passes, and their memory beside that of a
training step of the same batch.

Weights are random, the device is the CPU. With --official the authors' own package (legrad-torch
1.1, on open_clip 2.23, which it supports) is installed into a folder of its own and timed beside,
on the same photos.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import side_by_side

MODEL, SIZE, WIDTH = "ViT-B-32-quickgelu", 224, 512
LAYERS = {"last two layers": 2, "all layers": "all"}
OURS = [f"{layers}, {prompts}" for layers in LAYERS for prompts in ("1 prompt", "3 prompts")]
OFFICIAL = [f"official: {layers}, 1 prompt" for layers in LAYERS]
PEERS = ["legrad-torch==1.1", "open_clip_torch==2.23.0", "einops"]


def inputs(batch: int, prompts: int):
    import torch

    torch.manual_seed(0)
    texts = torch.nn.functional.normalize(torch.randn(prompts, WIDTH), dim=-1)
    return torch.randn(batch, 3, SIZE, SIZE), texts


def step(what: str, batch: int):
    """A function that does once what is measured, on `batch` photos."""
    import open_clip
    import torch

    if what.startswith("official"):
        from legrad import LeWrapper

        layers = -2 if "two" in what else 0
        model = LeWrapper(open_clip.create_model(MODEL).eval(), layer_index=layers)
        photos, texts = inputs(batch, 1)
        return lambda: [model.compute_legrad(texts, image=photo[None]) for photo in photos]
    visual = open_clip.create_model(MODEL, load_weights=False).visual.eval()
    photos, texts = inputs(batch, 3 if "3" in what else 1)
    if what == "forward pass":
        return torch.no_grad()(lambda: visual(photos))
    if what == "training step":
        optimiser = torch.optim.AdamW(visual.parameters(), fused=True)

        def train() -> None:
            optimiser.zero_grad()
            visual(photos).square().mean().backward()
            optimiser.step()

        return train
    from stillact.models.backbones.base import Backbone
    from stillact.saliency import legrad

    look = dict(size=SIZE, mean=[0.5] * 3, std=[0.5] * 3, geometry="squash")
    look |= dict(interpolation="bicubic", crop=1.0)
    backbone = Backbone(visual, look, WIDTH, "transformer.resblocks", {"": 0})
    layers = LAYERS[what.split(",")[0]]
    return lambda: legrad.maps(backbone, photos, legrad.to_texts(texts), layers)


def measure(what: str, batch: int, repeats: int) -> None:
    import torch

    torch.set_num_threads(1)
    once = step(what, batch)
    Path("/proc/self/clear_refs").write_text("5")  # the peak is now what is held
    before = memory("VmHWM")
    seconds = side_by_side.timed(once, repeats)
    print(seconds, memory("VmHWM") - before)


def memory(what: str) -> float:
    """Of this process, in MB: VmHWM, the most it has held (Linux)."""
    (line,) = [row for row in Path("/proc/self/status").read_text().split("\n") if what in row]
    return int(line.split()[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=8, help="photos")
    parser.add_argument("--repeats", type=int, default=5, help="of each, of which the median")
    parser.add_argument(
        "--official",
        type=Path,
        metavar="FOLDER",
        help="install the authors' package there, and time it too",
    )
    parser.add_argument("--only", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        measure(options.only, options.batch, options.repeats)
        return
    environment = dict(os.environ)
    if options.official:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade"]
        subprocess.run([*pip, "--target", str(options.official), *PEERS], check=True)
    found = {}
    official = OFFICIAL if options.official else []
    for what in ["forward pass", "training step", *OURS, *official]:
        if what in official:
            environment["PYTHONPATH"] = str(options.official.resolve())  # before our open_clip
        command = [sys.executable, __file__, "--only", what, "--batch", str(options.batch)]
        command += ["--repeats", str(options.repeats)]
        printed = subprocess.check_output(command, env=environment, text=True)
        found[what] = [float(value) for value in printed.splitlines()[-1].split()]
    forward, training = found["forward pass"][0], found["training step"][1]
    print(f"{MODEL}, {options.batch} photos, one thread; CPU seconds, and memory beyond the model")
    for what, (seconds, memory) in found.items():
        print(
            f"{what:34} {seconds:7.2f} s {seconds / forward:6.2f} forward passes "
            f"{memory:7.0f} MB {memory / training:5.2f} of a training step"
        )


if __name__ == "__main__":
    main()
