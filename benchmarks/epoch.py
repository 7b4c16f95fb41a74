"""An epoch of cnn_base on one thread: the workflow's loop beside a plain one.

Both train the same network on 227 random images. The plain loop is what one would write first:
contiguous tensors, ReLU before max-pool, AdamW as it comes, glibc's defaults.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time

VARIANTS = ("plain", "workflow", "workflow with glibc's defaults")
KEEP = {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1)}


def network(size: int, plain: bool):
    from torch import nn

    from stillact import networks
    from stillact.config import CNN

    built = networks.cnn(CNN(type="cnn", channels=[32, 64, 128], hidden=128), size, 3)
    if not plain:
        return built
    layers = list(built)
    for place in [i for i, layer in enumerate(built) if isinstance(layer, nn.MaxPool2d)]:
        layers[place], layers[place + 1] = layers[place + 1], layers[place]
    return nn.Sequential(*layers)


def plain_epoch(model, optimiser, images, labels) -> None:
    import torch

    model.train()
    for rows in torch.randperm(len(labels)).split(32):
        logits = model(images[rows].float() / 127.5 - 1)
        loss = torch.nn.functional.cross_entropy(logits, labels[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


def measure(variant: str, size: int, repeats: int) -> None:
    import torch

    from stillact import training
    from stillact.config import Training

    def prepare(images, training):
        return (images.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)

    torch.set_num_threads(1)
    torch.manual_seed(0)
    images = torch.randint(0, 256, (227, 3, size, size), dtype=torch.uint8)
    labels = torch.randint(0, 3, (227,))
    model = network(size, variant == "plain")
    if variant == "plain":
        optimiser = torch.optim.AdamW(model.parameters(), 3e-4)
        epoch = lambda: plain_epoch(model, optimiser, images, labels)  # noqa: E731
    else:
        model.to(memory_format=torch.channels_last)
        settings = Training(
            learning_rate=3e-4, weight_decay=0.01, batch_size=32, max_epochs=1, patience=1
        )
        loop = training.Loop(model, settings, prepare, None, "fp32")
        part = training.Part(images, labels)
        epoch = lambda: loop.epoch(part, 1)  # noqa: E731
    epoch()
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        epoch()
        seconds.append(time.process_time() - start)
    print(statistics.median(seconds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=128, help="side of the input in pixels")
    parser.add_argument("--repeats", type=int, default=3, help="epochs measured")
    parser.add_argument("--only", choices=VARIANTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        measure(options.only, options.size, options.repeats)
        return
    seconds = {}
    for variant in VARIANTS:
        environment = {**os.environ, **(KEEP if variant == "workflow" else {})}
        command = [sys.executable, __file__, "--only", variant, "--size", str(options.size)]
        command += ["--repeats", str(options.repeats)]
        seconds[variant] = float(subprocess.check_output(command, env=environment))
    print(f"CPU seconds an epoch of 227 images at {options.size} px, one thread")
    for variant, value in seconds.items():
        print(f"{variant:32} {value:6.2f} s   {value / seconds['workflow']:.2f} of the workflow's")


if __name__ == "__main__":
    main()
