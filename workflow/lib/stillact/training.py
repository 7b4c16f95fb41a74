"""The one training loop."""

import contextlib
import copy
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from stillact.config import FromScratch
from stillact.log import logger
from stillact.runs import Run
from stillact.tables import replacing

SAVE_EVERY_S = 20.0  # an interrupted training loses at most this, and the epoch it was in
CHUNK = 256  # images a forward pass without gradients


@dataclass(frozen=True)
class Part:
    """The photos of one subset, on the device.

    images: uint8, shape (photos, 3, size, size), RGB. labels: int64, shape (photos,).
    """

    images: torch.Tensor
    labels: torch.Tensor


@dataclass
class Progress:
    """Where a training stands at the end of an epoch; enough to go on as if never interrupted."""

    epoch: int = 0
    best_epoch: int = 0
    best_loss: float = float("inf")
    best_weights: dict[str, torch.Tensor] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)


def fit(
    network: nn.Module,
    parts: dict[str, Part],
    settings: FromScratch,
    augment: Callable[[torch.Tensor], torch.Tensor],
    run: Run,
    checkpoint: Path,
) -> Progress:
    """Train `network` in place and leave it with the weights of its best epoch.

    The best epoch is the one with the lowest validation loss; training ends `patience` epochs
    after it. Every random draw is seeded by the run and the epoch, so that a training that was
    interrupted and goes on from `checkpoint` ends with the same weights as one that was not.

    Args:
        network: takes float32 images (batch, 3, size, size) in [-1, 1], returns logits; on the
            device of `parts`.
        parts: "train" and "validation".
        settings: learning rate, batch size, epochs, patience.
        augment: takes and returns float32 images in [0, 1].
        run: whose training it is.
        checkpoint: file that holds the progress of an unfinished training.

    Returns:
        Progress with a row of history an epoch (epoch, train_loss, train_accuracy,
        validation_loss, validation_accuracy; losses in nats).
    """
    device = parts["train"].images.device
    network.to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(
        network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    progress = _resume(checkpoint, network, optimiser, device)
    saved = time.monotonic()
    while progress.epoch < settings.max_epochs:
        if progress.epoch - progress.best_epoch >= settings.patience:
            break
        progress.epoch += 1
        torch.manual_seed(run.rng_seed(f"epoch {progress.epoch}"))
        train = train_epoch(network, optimiser, parts["train"], settings.batch_size, augment)
        logits = predict(network, parts["validation"].images)
        labels = parts["validation"].labels
        loss = cross_entropy(logits, labels).item()
        accuracy = (logits.argmax(1) == labels).double().mean().item()
        progress.history.append(
            {"epoch": progress.epoch, **train,
             "validation_loss": loss, "validation_accuracy": accuracy}
        )  # fmt: skip
        if loss < progress.best_loss:
            progress.best_loss, progress.best_epoch = loss, progress.epoch
            progress.best_weights = copy.deepcopy(network.state_dict())
        if time.monotonic() - saved > SAVE_EVERY_S:
            saved = time.monotonic()
            _save(checkpoint, network, optimiser, progress)
            logger.info(
                "%s: epoch %d of at most %d, validation loss %.3f (best %.3f)",
                *(run, progress.epoch, settings.max_epochs, loss, progress.best_loss),
            )
    if progress.best_weights:  # none where the loss was never a number
        network.load_state_dict(progress.best_weights)
    return progress


def train_epoch(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    part: Part,
    batch_size: int,
    augment: Callable[[torch.Tensor], torch.Tensor],
) -> dict[str, float]:
    network.train()
    order = torch.randperm(len(part.labels)).to(part.labels.device)
    loss_sum, right = 0.0, 0
    for rows in order.split(batch_size):
        labels = part.labels[rows]
        logits = network(_signed(augment(part.images[rows].float() / 255)))
        loss = cross_entropy(logits, labels)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        loss_sum += loss.item() * len(rows)
        right += (logits.argmax(1) == labels).sum().item()
    return {"train_loss": loss_sum / len(order), "train_accuracy": right / len(order)}


@torch.no_grad()
def predict(network: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """Logits, float32 (photos, classes), of uint8 images (photos, 3, size, size)."""
    network.eval()
    return torch.cat([network(_signed(chunk.float() / 255)) for chunk in images.split(CHUNK)])


def _signed(images: torch.Tensor) -> torch.Tensor:
    """[0, 1] to [-1, 1], in the memory layout that the convolutions are fast with."""
    return (images * 2 - 1).contiguous(memory_format=torch.channels_last)


def _save(path: Path, network: nn.Module, optimiser: torch.optim.Optimizer, progress: Progress):
    state = {"network": network.state_dict(), "optimiser": optimiser.state_dict()}
    with replacing(path) as part:
        torch.save({**state, "progress": vars(progress)}, part)


def _resume(path: Path, network: nn.Module, optimiser: torch.optim.Optimizer, device) -> Progress:
    if not path.exists():
        return Progress()
    state = torch.load(path, map_location=device, weights_only=True)
    network.load_state_dict(state["network"])
    optimiser.load_state_dict(state["optimiser"])
    progress = Progress(**state["progress"])
    logger.info("going on after epoch %d", progress.epoch)
    return progress


def choose_device(wanted: str) -> torch.device:
    """ "auto": a GPU where there is one. "cuda" without a GPU: a warning, and the CPU."""
    if wanted == "cpu" or not torch.cuda.is_available():
        if wanted == "cuda":
            logger.warning("device: cuda was asked for, but torch sees no GPU here; using the CPU")
        return torch.device("cpu")
    return torch.device("cuda")


@contextlib.contextmanager
def repeatable(threads: int) -> Iterator[None]:
    """Torch with `threads` threads and deterministic algorithms only, restored afterwards."""
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS asks for it
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
