"""Imports of a training process.

The CPU seconds of a process that imports what it needs and does one step. `import torch` is the
lower bound; "with torch's own optimiser" is what trainings of the workflow imported before that was
removed, including torchvision.
"""

import argparse

import side_by_side


def bare(options) -> None:
    import torch  # noqa: F401


def worker(options) -> None:
    import torch

    from stillact.config.training import Training
    from stillact.recipes.from_scratch import setup  # noqa: F401
    from stillact.training import loop as training_loop

    settings = dict(learning_rate=0.1, weight_decay=0.1, batch_size=4, max_epochs=1, patience=1)
    with training_loop.repeatable(1):
        network = torch.nn.Linear(4, 3)
        loop = training_loop.Loop(network, Training(**settings), lambda x, _: x, None, "fp32")
        loop.epoch(training_loop.LabelledInputs(torch.rand(8, 4), torch.arange(8) % 3), 1)


def usual(options) -> None:
    import torch
    import torchvision.transforms.v2  # noqa: F401

    from stillact.recipes.from_scratch import setup  # noqa: F401

    torch.use_deterministic_algorithms(True)
    network = torch.nn.Linear(4, 3)
    optimiser = torch.optim.AdamW(network.parameters(), fused=True)
    torch.nn.functional.cross_entropy(network(torch.rand(8, 4)), torch.arange(8) % 3).backward()
    optimiser.step()


def trainer(options) -> None:
    from transformers import Trainer, TrainingArguments  # noqa: F401


WAYS = {"torch": bare, "a training from scratch, or of a head": worker}
WAYS |= {"with torch's own optimiser": usual, "transformers' Trainer": trainer}

if __name__ == "__main__":
    side_by_side.run("imports", WAYS, argparse.ArgumentParser(description=__doc__))
