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

import torch
from side_by_side import RESULTS
from step import SIZES, network, scaled

IMAGES, BATCH, PHOTOS = 256, 32, 2048
STEPS = {"cnn": ["fp32"], "fnn": ["fp32"], "mlp": ["fp32"], "vit": ["fp32", "bf16"]}
EPOCHS = 10  # of the Trainer in one call, so that what each call costs it counts as a tenth
RUNS = 5  # trained together


def inputs(kind: str, device):
    torch.manual_seed(1)
    labels = torch.randint(0, 3, (IMAGES,), device=device)
    if kind == "mlp":
        return torch.randn(IMAGES, SIZES[kind], device=device), labels
    shape = (IMAGES, 3, SIZES[kind], SIZES[kind])
    return torch.randint(0, 256, shape, dtype=torch.uint8, device=device), labels


def workflows(kind: str, precision: str, device):
    from stillact import training
    from stillact.config import Training

    def prepare(images, training):
        images = scaled(images)
        return images.contiguous(memory_format=torch.channels_last) if images.ndim == 4 else images

    settings = dict(learning_rate=3e-4, weight_decay=0.01, max_epochs=1, patience=1)
    model = network(kind, plain=False).to(device, memory_format=torch.channels_last)
    loop = training.Loop(model, Training(**settings, batch_size=BATCH), prepare, None, precision)
    part = training.Part(*inputs(kind, device))
    return lambda: loop.epoch(part, 1)


def plain(kind: str, precision: str, device, compiled: bool = False):
    """The loop that one would write first; it asks for the loss of every step."""
    model = network(kind, plain=True).to(device).train()
    run = torch.compile(model) if compiled else model
    images, labels = inputs(kind, device)
    optimiser = torch.optim.AdamW(model.parameters(), 3e-4)

    def epoch() -> None:
        total = 0.0
        for rows in torch.randperm(IMAGES).split(BATCH):
            with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
                logits = run(scaled(images[rows]))
            loss = torch.nn.functional.cross_entropy(logits.float(), labels[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item()

    return epoch


def compiled(kind: str, precision: str, device):
    return plain(kind, precision, device, compiled=True)


def trainers(kind: str, precision: str, device):
    import tempfile

    import transformers
    from step import for_trainer

    images, labels = (tensor.cpu() for tensor in inputs(kind, device))
    data = [{"images": image, "labels": label} for image, label in zip(images, labels, strict=True)]
    settings = transformers.TrainingArguments(
        tempfile.gettempdir(), num_train_epochs=EPOCHS, per_device_train_batch_size=BATCH,
        use_cpu=device.type == "cpu", bf16=precision == "bf16", learning_rate=3e-4,
        weight_decay=0.01, max_grad_norm=0, save_strategy="no", report_to=[], disable_tqdm=True,
        logging_strategy="no")  # fmt: skip
    trainer = transformers.Trainer(for_trainer(kind), settings, train_dataset=data)
    trainer.remove_callback(transformers.trainer_callback.PrinterCallback)
    return trainer.train


def embedding(device):
    """The image tower as the workflow asks it, and in batches as one would write it."""
    import numpy as np
    from embed import backbone

    from stillact import embed

    made = backbone().to(device)
    photos = np.random.default_rng(0).integers(0, 256, (PHOTOS, 224, 224, 3), np.uint8)

    def loader(precision: str):
        @torch.inference_mode()
        def work() -> None:
            found = []
            for batch in torch.from_numpy(photos).permute(0, 3, 1, 2).split(BATCH):
                with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
                    found.append(made.encode_image(made.normalise(batch.to(device))).cpu())

        return work

    return {
        "workflow, fp32": lambda: embed.of_photos(made, photos),
        "batches of 32, fp32": loader("fp32"),
        "batches of 32, bf16": loader("bf16"),
    }


def heads(kind: str, device):
    """Five runs advanced one after another and together, as benchmarks/heads.py has them."""
    import heads as both

    def on_device(way):
        with torch.device(device):
            return way(kind)

    def within(work):
        def run() -> None:
            with torch.device(device):
                work()

        return run

    return {
        "one after another": within(on_device(both.one_after_another)),
        "together": within(on_device(both.together)),
    }


def seconds(work, passes: int, device) -> tuple[float, float]:
    """Of a pass, and of the first one."""

    def once() -> float:
        start = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start

    first = once()
    once()
    return statistics.median(once() for _ in range(passes)), first


def operations(kind: str, device) -> float:
    """Floating-point operations of a pass over all images, forward and backward."""
    from torch.utils.flop_counter import FlopCounterMode

    model = network(kind, plain=False).to(device)
    images, labels = inputs(kind, device)
    with FlopCounterMode(display=False) as counter:
        torch.nn.functional.cross_entropy(model(scaled(images[:BATCH])), labels[:BATCH]).backward()
    return counter.get_total_flops() * IMAGES / BATCH


def peak(precision: str, device) -> float:
    """Operations a second of a large matrix product."""
    size = 8192 if device.type == "cuda" else 1024
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

    def step(kind: str, precision: str, way: str, make) -> None:
        work, times = partial(make, kind, precision, device), EPOCHS if way == "Trainer" else 1
        of_peak = operations(kind, device), tops[precision]
        table.add(f"{kind}, {precision}", way, work, IMAGES, *of_peak, times)

    for of in steps:
        for way, make in {"workflow": workflows, "plain": plain, "Trainer": trainers}.items():
            step(*of, way, make)
    for way, work in embedding(device).items():
        flops = 8.8e9 * PHOTOS  # as open_clip's table of models has it
        table.add("embedding", way, lambda work=work: work, PHOTOS, flops, tops[way[-4:]])
    for kind in ("head", "cnn"):
        for way, work in heads(kind, device).items():
            table.add(f"five of {kind}", way, lambda work=work: work, RUNS * 5 * 227)
    for of in (("cnn", "fp32"), ("vit", "bf16")):  # last: compiling takes its time
        step(*of, "plain, compiled", compiled)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passes", type=int, default=7)
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("torch sees no GPU here")
    from stillact import training

    with training.repeatable(4):
        measure(Table(options.passes, torch.device(options.device)))


if __name__ == "__main__":
    main()
