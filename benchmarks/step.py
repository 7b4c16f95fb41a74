"""An epoch of training: the workflow's loop, a plain loop, and transformers' Trainer.

All train the same network on the same images in memory, for the same steps in fp32, except for the
rows with bf16, which `precision: auto` uses where the processor has it. The plain loop is a
straightforward implementation: contiguous tensors, ReLU before max-pool, AdamW with its defaults,
glibc's defaults. The Trainer has the same tensors; its own costs (data collation, callbacks) are
included in its time, its start-up is not. ViT-B/32 is open_clip's with random weights.
"""

import argparse
from functools import partial

import side_by_side

SIZES = {"cnn": 128, "fnn": 128, "mlp": 512, "vit": 224}
IMAGES = {"cnn": 227, "fnn": 227, "mlp": 227, "vit": 16}
BATCH = {"cnn": 32, "fnn": 32, "mlp": 32, "vit": 8}


def network(kind: str, plain: bool):
    import torch
    from torch import nn

    from stillact.config.networks import CNN, FNN
    from stillact.models import networks

    torch.manual_seed(0)
    block = CNN(type="cnn", channels=[32, 64, 128], hidden=128)
    if kind == "vit":
        import open_clip

        visual = open_clip.create_model("ViT-B-32", load_weights=False).visual
        return nn.Sequential(visual, nn.Linear(512, 3))
    if kind == "mlp":
        return networks.mlp(512, [512, 256, 128], 3, 0.3)
    if kind == "fnn":
        return networks.build(FNN(type="fnn", match="cnn_base"), block, SIZES[kind], 3)
    layers = list(networks.cnn(block, SIZES[kind], 3))
    for place in [i for i, layer in enumerate(layers) if plain and isinstance(layer, nn.MaxPool2d)]:
        layers[place], layers[place + 1] = layers[place + 1], layers[place]
    return nn.Sequential(*layers)


def inputs(kind: str, device: str = "cpu"):
    import torch

    torch.manual_seed(1)
    labels = torch.randint(0, 3, (IMAGES[kind],))
    if kind == "mlp":
        made = torch.randn(IMAGES[kind], SIZES[kind])
    else:
        shape = (IMAGES[kind], 3, SIZES[kind], SIZES[kind])
        made = torch.randint(0, 256, shape, dtype=torch.uint8)
    return made.to(device), labels.to(device)


def scaled(images):
    return images.float() / 127.5 - 1 if images.ndim == 4 else images


def workflows(kind: str, precision: str = "fp32", device: str = "cpu"):
    import torch

    from stillact.config.training import Training
    from stillact.training import loop as training_loop

    def prepare(images, training):
        images = scaled(images)
        return images.contiguous(memory_format=torch.channels_last) if images.ndim == 4 else images

    settings = dict(learning_rate=3e-4, weight_decay=0.01, max_epochs=1, patience=1)
    settings = Training(**settings, batch_size=BATCH[kind])
    model = network(kind, plain=False).to(device, memory_format=torch.channels_last)
    loop = training_loop.Loop(model, settings, prepare, None, precision)
    part = training_loop.LabelledInputs(*inputs(kind, device))
    return lambda: loop.epoch(part, 1)


def plain(kind: str, precision: str = "fp32", device: str = "cpu", compiled: bool = False):
    """It asks for the loss of every step, as one would to show it."""
    import torch

    model = network(kind, plain=True).to(device).train()
    run = torch.compile(model) if compiled else model
    images, labels = inputs(kind, device)
    optimiser = torch.optim.AdamW(model.parameters(), 3e-4)

    def epoch() -> None:
        total = 0.0
        for rows in torch.randperm(len(labels)).split(BATCH[kind]):
            with torch.autocast(device, torch.bfloat16, enabled=precision == "bf16"):
                logits = run(scaled(images[rows]))
            loss = torch.nn.functional.cross_entropy(logits.float(), labels[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item()

    return epoch


def for_trainer(kind: str):
    """The plain network as transformers' Trainer takes it."""
    import torch

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = network(kind, plain=True)

        def forward(self, images, labels):
            logits = self.inner(scaled(images))
            return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}

    return Model()


def trainers(kind: str, precision: str = "fp32", device: str = "cpu", epochs: int = 1):
    import tempfile

    import transformers

    images, labels = inputs(kind)
    data = [{"images": image, "labels": label} for image, label in zip(images, labels, strict=True)]
    settings = transformers.TrainingArguments(
        tempfile.gettempdir(),
        num_train_epochs=epochs,
        per_device_train_batch_size=BATCH[kind],
        use_cpu=device == "cpu",
        bf16=precision == "bf16",
        learning_rate=3e-4,
        weight_decay=0.01,
        max_grad_norm=0,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        logging_strategy="no",
    )
    trainer = transformers.Trainer(for_trainer(kind), settings, train_dataset=data)
    trainer.remove_callback(transformers.trainer_callback.PrinterCallback)
    return trainer.train


def measured(way, kind: str):
    def measure(options) -> float:
        import torch

        torch.set_num_threads(1)
        return side_by_side.timed(way(kind), options.epochs)

    return measure


LOOPS = {"workflow": workflows, "plain loop": plain, "Trainer": trainers}
WAYS = {f"{k}: {name}": measured(way, k) for k in SIZES for name, way in LOOPS.items()}
for kind in ("cnn", "vit"):
    WAYS[f"{kind}: workflow, bf16"] = measured(partial(workflows, precision="bf16"), kind)

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=1, help="measured in each process")
    side_by_side.run(
        "step",
        WAYS,
        parser,
        lambda options, way: (IMAGES[way.partition(":")[0]], "images"),
        lambda way: side_by_side.KEEP if "workflow" in way else {},
    )
