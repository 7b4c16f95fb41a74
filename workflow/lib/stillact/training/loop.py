"""The one training loop."""

import contextlib
import copy
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim.adamw import adamw

from stillact.config.training import Training
from stillact.core.errors import InputError
from stillact.core.logs import logger
from stillact.core.runs import Run
from stillact.core.tables import replacing
from stillact.training import gpus

SAVE_EVERY_S = 20.0  # an interrupted training loses at most this, and the epoch it was in
SAVE_SHARE = 0.05  # of the time; large networks are saved less often
CHUNK = 256  # inputs a forward pass without gradients

# Makes a batch of inputs what the network takes; `training` says whether to augment.
Prepare = Callable[[torch.Tensor, bool], torch.Tensor]
Penalty = Callable[[nn.Module], torch.Tensor]
# Mean loss, logits and labels of photos gone through together. Left on the device until an epoch
# ends: a GPU that is asked after each step waits for the next one.
Pass = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class LabelledInputs:
    """The inputs and labels of one subset, on the device.

    inputs: photos, uint8, shape (photos, 3, size, size), RGB; or features, float32, shape
        (photos, width). labels: int64, shape (photos,).
    """

    inputs: torch.Tensor
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
    parts: dict[str, LabelledInputs],
    settings: Training,
    prepare: Prepare,
    run: Run,
    checkpoint: Path,
    groups: list[dict] | None = None,
    precision: str = "fp32",
    penalty: Penalty | None = None,
) -> Progress:
    """Train `network` in place and leave it with the weights of its best epoch.

    The best epoch is the one with the lowest validation loss; training ends `patience` epochs
    after it. Every random draw is seeded by the run and the epoch, so that a training that was
    interrupted and goes on from `checkpoint` ends with the same weights as one that was not.

    Args:
        network: takes what `prepare` returns, returns logits; on the device of `parts`.
        parts: "train" and "validation".
        settings: step sizes, batch size, epochs, patience.
        prepare: makes a batch of `LabelledInputs.inputs` what the network takes.
        run: whose training it is.
        checkpoint: file that holds the progress of an unfinished training.
        groups: the optimiser's groups: params, and what differs from `settings`: weight_decay, and
            scale, by which the step size is multiplied; None: all parameters alike.
        precision: "fp32", or "bf16" for autocast in the training steps.
        penalty: of the network's parameters, added to the loss of every step, not to those told.

    Returns:
        Progress with a row of history an epoch (epoch, train_loss, train_accuracy,
        validation_loss, validation_accuracy; losses in nats, without label smoothing on
        validation).
    """
    loop = Loop(network, settings, prepare, groups, precision, penalty)
    progress = _resume(checkpoint, network, loop.optimiser, parts["train"].labels.device)
    saved, cost = time.monotonic(), 0.0
    while progress.epoch < settings.max_epochs:
        if progress.epoch - progress.best_epoch >= settings.patience:
            break
        progress.epoch += 1
        torch.manual_seed(run.rng_seed(f"epoch {progress.epoch}"))
        train = loop.epoch(parts["train"], progress.epoch)
        found = evaluate(network, parts["validation"], prepare)
        loss = found["validation_loss"]
        progress.history.append({"epoch": progress.epoch, **train, **found})
        if loss < progress.best_loss:
            progress.best_loss, progress.best_epoch = loss, progress.epoch
            progress.best_weights = copy.deepcopy(network.state_dict())
        if time.monotonic() - saved > max(SAVE_EVERY_S, cost / SAVE_SHARE):
            start = time.monotonic()
            _save(checkpoint, network, loop.optimiser, progress)
            saved = time.monotonic()
            cost = saved - start
            logger.info(
                "%s: epoch %d of at most %d, validation loss %.3f (best %.3f)",
                *(run, progress.epoch, settings.max_epochs, loss, progress.best_loss),
            )
    if progress.best_weights:  # none where the loss was never a number
        network.load_state_dict(progress.best_weights)
    return progress


class AdamW:
    """torch.optim.AdamW, fused, to the bit, without its class, which imports torch's compiler only
    to tell it to keep out: half as long again as importing torch.

    Args:
        groups: as for `fit`.
        weight_decay: of groups that do not name theirs.
    """

    def __init__(self, groups: list[dict], weight_decay: float):
        usual = {"scale": 1.0, "weight_decay": weight_decay}
        self.groups = [{**usual, **group, "params": list(group["params"])} for group in groups]
        # of each parameter the gradient's running mean and mean square, and the steps taken
        self.state = [
            [[torch.zeros_like(p), torch.zeros_like(p), p.new_zeros(())] for p in group["params"]]
            for group in self.groups
        ]

    @torch.no_grad()
    def step(self, rate: float) -> None:
        for group, state in zip(self.groups, self.state, strict=True):
            rows = [(p, p.grad, *of) for p, of in zip(group["params"], state, strict=True)]
            rows = [row for row in rows if row[1] is not None]
            if not rows:
                continue
            parameters, gradients, means, squares, steps = map(list, zip(*rows, strict=True))
            adamw(
                *(parameters, gradients, means, squares, [], steps),
                **dict(lr=rate * group["scale"], weight_decay=group["weight_decay"]),
                **dict(beta1=0.9, beta2=0.999, eps=1e-8, amsgrad=False, maximize=False),
                fused=True,
            )


class Loop:
    """An optimiser's steps over a training's epochs."""

    def __init__(
        self, network: nn.Module, settings: Training, prepare, groups, precision, penalty=None
    ):
        self.network, self.settings, self.prepare = network, settings, prepare
        self.penalty = penalty
        self.autocast = precision == "bf16"
        self.at_once = settings.batch_size + 1  # less once a batch has not fitted into memory
        self.optimiser = AdamW(groups or [{"params": network.parameters()}], settings.weight_decay)

    def epoch(self, part: LabelledInputs, number: int) -> dict[str, float]:
        """The steps of epoch `number`, counted from 1; their mean loss and accuracy."""
        self.network.train()
        device = part.labels.device
        batches = _batches(torch.randperm(len(part.labels)).to(device), self.settings.batch_size)
        passes = []
        for i, rows in enumerate(batches):
            step = (number - 1) * len(batches) + i
            rate = step_size(step, self.settings.max_epochs * len(batches), self.settings)
            inputs, labels = self.prepare(part.inputs[rows], True), part.labels[rows]
            passes += self._gradients(inputs, labels)
            if self.settings.clip_norm is not None:
                nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip_norm)
            self.optimiser.step(rate)
        losses, logits, labels = zip(*passes, strict=True)
        photos = len(part.labels)
        loss = sum(a * len(y) for a, y in zip(torch.stack(losses).tolist(), labels, strict=True))
        right = (torch.cat(logits).argmax(1) == torch.cat(labels)).sum().item()
        return {"train_loss": loss / photos, "train_accuracy": right / photos}

    def _gradients(self, inputs: torch.Tensor, labels: torch.Tensor) -> list[Pass]:
        """Leave the batch's mean gradient in the parameters. A batch that does not fit into the
        GPU's memory is gone through in parts."""
        while True:
            try:
                return self._accumulate(inputs, labels)
            except torch.OutOfMemoryError:
                if self.at_once == 1:
                    raise InputError(
                        "the GPU's memory does not hold one photo's training step; free it, take a "
                        "smaller backbone, or train on the CPU (device: cpu)"
                    ) from None
            self.at_once //= 2
            self.network.zero_grad(set_to_none=True)
            torch.cuda.empty_cache()
            logger.warning(
                "out of GPU memory: batches of %d go through in parts of %d from now on",
                self.settings.batch_size,
                self.at_once,
            )

    def _accumulate(self, inputs: torch.Tensor, labels: torch.Tensor) -> list[Pass]:
        self.network.zero_grad(set_to_none=True)
        passes = []
        for x, y in zip(inputs.split(self.at_once), labels.split(self.at_once), strict=True):
            with torch.autocast(x.device.type, torch.bfloat16, enabled=self.autocast):
                logits = self.network(x)
            smoothing = self.settings.label_smoothing
            loss = cross_entropy(logits.float(), y, label_smoothing=smoothing)
            share = len(y) / len(labels)
            extra = self.penalty(self.network) if self.penalty else 0.0
            ((loss + extra) * share).backward()
            passes.append((loss.detach(), logits.detach(), y))
        return passes


def _batches(order: torch.Tensor, size: int) -> list[torch.Tensor]:
    """`order` in batches; a single photo left over joins the last one (batch norm needs two)."""
    batches = list(order.split(size))
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


def step_size(step: int, steps: int, settings: Training) -> float:
    """The learning rate of a step, counted from 0: rising in a line, then constant or a cosine to 0
    (SGDR, arXiv 1608.03983, without restarts)."""
    warm = settings.warmup * steps
    if step < warm:
        return settings.learning_rate * min(1.0, (step + 1) / warm)
    if settings.schedule == "constant":
        return settings.learning_rate
    done = (step - warm) / (steps - warm)
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * done))


def evaluate(network: nn.Module, part: LabelledInputs, prepare: Prepare) -> dict[str, float]:
    """validation_loss (nats) and validation_accuracy on that part."""
    logits = predict(network, part.inputs, prepare)
    loss = cross_entropy(logits, part.labels).item()
    accuracy = (logits.argmax(1) == part.labels).double().mean().item()
    return {"validation_loss": loss, "validation_accuracy": accuracy}


@torch.no_grad()
def predict(network: nn.Module, inputs: torch.Tensor, prepare: Prepare) -> torch.Tensor:
    """Logits, float32 (photos, classes), of the inputs of a `LabelledInputs`."""
    network.eval()
    return torch.cat([network(prepare(chunk, False)) for chunk in inputs.split(CHUNK)])


def _save(path: Path, network: nn.Module, optimiser: AdamW, progress: Progress):
    state = {"network": network.state_dict(), "optimiser": optimiser.state}
    with replacing(path) as part:
        torch.save({**state, "progress": vars(progress)}, part)


def _resume(path: Path, network: nn.Module, optimiser: AdamW, device) -> Progress:
    if not path.exists():
        return Progress()
    state = torch.load(path, map_location=device, weights_only=True)
    network.load_state_dict(state["network"])
    optimiser.state = state["optimiser"]
    progress = Progress(**state["progress"])
    logger.info("going on after epoch %d", progress.epoch)
    return progress


def choose_device(wanted: str) -> torch.device:
    """ "auto": a GPU where there is one, which this process then has for itself. "cuda" without a
    GPU: a warning, and the CPU."""
    if wanted != "cpu":
        gpus.take_one()
    if wanted == "cpu" or not torch.cuda.is_available():
        if wanted == "cuda":
            logger.warning("device: cuda was asked for, but torch sees no GPU here; using the CPU")
        return torch.device("cpu")
    return torch.device("cuda")


@contextlib.contextmanager
def repeatable(threads: int) -> Iterator[None]:
    """Torch with `threads` threads and deterministic algorithms only, restored afterwards."""
    before = torch.get_num_threads(), torch.get_deterministic_debug_mode()
    tf32 = torch.backends.cudnn.allow_tf32
    fills = torch.utils.deterministic.fill_uninitialized_memory
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS asks for it
    torch.set_num_threads(threads)
    # torch.use_deterministic_algorithms, but that this imports torch's compiler, to tell it too
    torch.set_deterministic_debug_mode("error")
    torch.backends.cudnn.allow_tf32 = False  # fp32 is to be fp32, in convolutions too
    # what an operation is about to write need not be NaN before: on a GPU one more kernel each
    torch.utils.deterministic.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.set_deterministic_debug_mode(before[1])
        torch.backends.cudnn.allow_tf32 = tf32
        torch.utils.deterministic.fill_uninitialized_memory = fills
