"""Training steps and embedding on a GPU: the workflow, and what one would write instead.

One process. Each way goes over 256 images in batches of 32 (embedding: over 2,048 photos) until it
is warm, then `--passes` times more, of which the median by the clock counts. ViT-B/32 is
open_clip's with random weights. `of_peak` is the share of what a large matrix product of that
precision reaches, measured here, with the operations that torch counts. `first_s`: the first pass,
compiling included. The table is written as it grows.
"""

import argparse
import csv
import statistics
import sys
import time
from functools import partial

import heads
import step
import torch
from side_by_side import RESULTS

IMAGES, BATCH, PHOTOS = 256, 32, 2048
step.IMAGES, step.BATCH = dict.fromkeys(step.SIZES, IMAGES), dict.fromkeys(step.SIZES, BATCH)
STEPS = {"cnn": ["fp32"], "fnn": ["fp32"], "mlp": ["fp32"], "vit": ["fp32", "bf16"]}
EPOCHS = 10  # of the Trainer in one call, so that what each call costs it counts as a tenth


def embedding(device):
    """The image tower as the workflow asks it, and in batches as one would write it."""
    import numpy as np
    from embed import backbone

    from stillact.models import embed

    made = backbone("clip", "fp32").to(device)
    photos = np.random.default_rng(0).integers(0, 256, (PHOTOS, 224, 224, 3), np.uint8)

    def loader(precision: str):
        @torch.inference_mode()
        def work() -> None:
            found = []
            for batch in torch.from_numpy(photos).permute(0, 3, 1, 2).split(BATCH):
                with torch.autocast(device, torch.bfloat16, enabled=precision == "bf16"):
                    found.append(made.encode_image(made.normalise(batch.to(device))).cpu())

        return work

    return {
        "workflow, fp32": lambda: embed.of_photos(made, photos),
        "batches of 32, fp32": loader("fp32"),
        "batches of 32, bf16": loader("bf16"),
    }


def five(kind: str, device):
    """Five runs advanced sequentially and together, as benchmarks/heads.py has them."""

    def on_device(way):
        with torch.device(device):
            return way(kind)

    def within(work):
        def run() -> None:
            with torch.device(device):
                work()

        return run

    return {
        "sequentially": within(on_device(heads.sequentially)),
        "together": within(on_device(heads.together)),
    }


def seconds(work, passes: int, device) -> tuple[float, float]:
    """Of a pass, and of the first one."""

    def once() -> float:
        start = time.perf_counter()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start

    first = once()
    once()
    return statistics.median(once() for _ in range(passes)), first


def operations(kind: str, device) -> float:
    """Floating-point operations of a pass over all images, forward and backward."""
    from torch.utils.flop_counter import FlopCounterMode

    model = step.network(kind, plain=False).to(device)
    images, labels = step.inputs(kind, device)
    with FlopCounterMode(display=False) as counter:
        logits = model(step.scaled(images[:BATCH]))
        torch.nn.functional.cross_entropy(logits, labels[:BATCH]).backward()
    return counter.get_total_flops() * IMAGES / BATCH


def peak(precision: str, device) -> float:
    """Operations a second of a large matrix product."""
    size = 8192 if device == "cuda" else 1024
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    left, right = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    return 2 * size**3 / seconds(lambda: left @ right, 5, device)[0]


class Table:
    """Rows as they are measured, told and written one by one."""

    def __init__(self, passes: int, device):
        self.passes, self.device, self.rows = passes, device, []
        RESULTS.mkdir(parents=True, exist_ok=True)

    def add(self, group: str, way: str, make, count: int, flops=0.0, top=1.0, times=1) -> None:
        """Measure the work that `make` makes; it does `count` images, `flops` operations, `times`
        over."""
        try:
            found, first = seconds(make(), self.passes, self.device)
        except Exception as error:  # a peer that does not run here leaves the others their rows
            print(f"{group}: {way}: {type(error).__name__}: {error}", file=sys.stderr)
            return
        found /= times
        firsts = [row for row in self.rows if row["group"] == group]
        row = {"group": group, "way": way, "ms": f"{found * 1e3:.3g}", "first_s": f"{first:.2g}"}
        row["ratio"] = f"{found / (firsts[0]['seconds'] if firsts else found):.2f}"
        row["rate"] = f"{count / found:.3g} images/s"
        row["of_peak"] = f"{flops / found / top:.2f}" if flops else ""
        self.rows.append(row | {"seconds": found})
        print(*row.values(), sep="\t", flush=True)
        with open(RESULTS / "gpu.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, row, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(self.rows)


def measure(table: Table) -> None:
    device = table.device
    tops = {precision: peak(precision, device) for precision in ("fp32", "bf16")}
    print({k: f"{v / 1e12:.4g} TFLOP/s" for k, v in tops.items()}, flush=True)
    steps = [(kind, precision) for kind, of in STEPS.items() for precision in of]

    def add(kind: str, precision: str, way: str, make, times: int = 1) -> None:
        work = partial(make, kind, precision, device)
        of_peak = operations(kind, device), tops[precision]
        table.add(f"{kind}, {precision}", way, work, IMAGES, *of_peak, times)

    for of in steps:
        add(*of, "workflow", step.workflows)
        add(*of, "plain loop", step.plain)
        add(*of, "Trainer", partial(step.trainers, epochs=EPOCHS), EPOCHS)
    for way, work in embedding(device).items():
        flops = 8.8e9 * PHOTOS  # as open_clip's table of models has it
        table.add("embedding", way, lambda work=work: work, PHOTOS, flops, tops[way[-4:]])
    for kind in ("head", "cnn"):
        for way, work in five(kind, device).items():
            table.add(f"five of {kind}", way, lambda work=work: work, heads.IMAGES)
    for of in (("cnn", "fp32"), ("vit", "bf16")):  # last: compiling takes its time
        add(*of, "plain loop, compiled", partial(step.plain, compiled=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passes", type=int, default=7)
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("torch sees no GPU here")
    from stillact.training import loop

    with loop.repeatable(4):
        measure(Table(options.passes, options.device))


if __name__ == "__main__":
    main()
