"""Five heads on embeddings, trained together and sequentially.

Together: their weights are stacked, and every step is one batched pass with torch.func.vmap;
sequentially: the workflow's loop. Both without dropout and batch norm, an epoch of 227 photos.
"""

import argparse
import itertools

import side_by_side

RUNS, WIDTH, EPOCHS, BATCH, PHOTOS = 5, 512, 1, 32, 227
IMAGES = RUNS * EPOCHS * PHOTOS  # that all runs train on


def setting():
    import torch

    from stillact.config.networks import CNN
    from stillact.models import networks

    torch.manual_seed(0)
    torch.set_num_threads(1)
    labels = torch.randint(0, 3, (PHOTOS,))

    def head():
        sizes = [WIDTH, 512, 256, 128]
        layers = [
            layer
            for a, b in itertools.pairwise(sizes)
            for layer in (torch.nn.Linear(a, b), torch.nn.ReLU())
        ]
        return torch.nn.Sequential(*layers, torch.nn.Linear(128, 3))

    def cnn():
        return networks.cnn(CNN(type="cnn", channels=[32, 64, 128], hidden=128), 64, 3)

    return {
        "head": (head, torch.randn(PHOTOS, WIDTH), labels),
        "cnn": (cnn, torch.randn(PHOTOS, 3, 64, 64), labels),
    }


def sequentially(kind: str):
    from stillact.config.training import Training
    from stillact.training import loop as training_loop

    make, inputs, labels = setting()[kind]
    part = training_loop.LabelledInputs(inputs, labels)
    settings = dict(learning_rate=1e-3, weight_decay=0.01, patience=1)
    settings = Training(**settings, batch_size=BATCH, max_epochs=EPOCHS)

    def work() -> None:
        for _ in range(RUNS):
            loop = training_loop.Loop(make(), settings, lambda x, _: x, None, "fp32")
            for epoch in range(1, EPOCHS + 1):
                loop.epoch(part, epoch)

    return work


def together(kind: str):
    import torch
    from torch.func import functional_call, grad, stack_module_state, vmap

    make, inputs, labels = setting()[kind]

    def loss(weights, x, y):
        return torch.nn.functional.cross_entropy(functional_call(skeleton, weights, (x,)), y)

    skeleton = make().to("meta")
    gradients = vmap(grad(loss), in_dims=(0, 0, 0))

    def work() -> None:
        weights, _ = stack_module_state([make() for _ in range(RUNS)])
        optimiser = torch.optim.AdamW(weights.values(), 1e-3, weight_decay=0.01, fused=True)
        for _ in range(EPOCHS):
            orders = torch.stack([torch.randperm(len(labels)) for _ in range(RUNS)])
            for rows in orders.split(BATCH, dim=1):
                found = gradients(
                    {k: v.detach() for k, v in weights.items()}, inputs[rows], labels[rows]
                )
                for name, gradient in found.items():
                    weights[name].grad = gradient
                optimiser.step()

    return work


def measured(way, kind: str):
    return lambda options: side_by_side.timed(way(kind))


LOOPS = {"sequentially": sequentially, "together": together}
WAYS = {f"{k}: {name}": measured(way, k) for k in ("head", "cnn") for name, way in LOOPS.items()}

if __name__ == "__main__":
    side_by_side.run(
        "heads",
        WAYS,
        argparse.ArgumentParser(description=__doc__),
        lambda options, _: (IMAGES, "images"),
    )
