"""The training loop."""

import contextlib
import copy
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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

SAVE_EVERY_S = 20.0  # an interruption loses at most this time plus the current epoch
SAVE_SHARE = 0.05  # of the time; large networks are saved less often
CHUNK = 256  # inputs per forward pass without gradients
LEARNT = 0.9  # a training loss above this share of a constant prediction's: little was learnt

# Converts a batch of inputs to the network's input; `training` says whether to augment.
Prepare = Callable[[torch.Tensor, bool], torch.Tensor]
Penalty = Callable[[nn.Module], torch.Tensor]
# Mean loss, logits and labels of a micro-batch. They stay on the device until an epoch ends: a
# transfer after each step would stall a GPU.
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
    """The state of a training at the end of an epoch, sufficient to resume it exactly.

    kept_epoch, kept_loss: the epoch whose weights are kept so far, and its validation loss (its
        training loss without validation photos); 0 and infinity before there is one.
    kept_weights: its weights, with early stopping; without it the network has them.
    """

    epoch: int = 0
    kept_epoch: int = 0
    kept_loss: float = math.inf
    kept_weights: dict[str, torch.Tensor] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)

    def stopped(self, last: int, patience: int | None) -> bool:
        """Whether the training is over, `last` being the last epoch it may have."""
        return self.epoch >= last or self.epoch - self.kept_epoch >= (patience or math.inf)


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
    epochs: int | None = None,
) -> Progress:
    """Train `network` in place.

    With early stopping, training stops `patience` epochs after the epoch with the lowest validation
    loss, and its weights are restored. Without it (`patience` is None), training lasts `max_epochs`
    and the last weights are kept; the validation photos then have no influence on the weights.

    Every random draw is seeded by the run and the epoch, so that a training resumed from
    `checkpoint` ends with the same weights as an uninterrupted one.

    Args:
        network: takes what `prepare` returns, returns logits; on the device of `parts`.
        parts: "train" and "validation".
        settings: learning rate, batch size, epochs, patience.
        prepare: converts a batch of `LabelledInputs.inputs` to the network's input.
        run: the run that is trained.
        checkpoint: file with the progress of an unfinished training.
        groups: parameter groups of the optimiser: params, and overrides of `settings`:
            weight_decay, and scale, a factor of the learning rate; None: one group.
        precision: "fp32", or "bf16" for autocast in the training steps.
        penalty: a function of the network's parameters, added to the loss of every step but not to
            the reported losses.
        epochs: train exactly so many and keep the last weights, on a schedule of
            `settings.max_epochs`; there is no validation part then.

    Returns:
        Progress with one row of history per epoch (epoch, train_loss, train_accuracy,
        validation_loss, validation_accuracy; losses in nats, without label smoothing on
        validation).
    """
    loop = Loop(network, settings, prepare, groups, precision, penalty)
    progress = _resume(checkpoint, network, loop.optimiser, parts["train"].labels.device)
    saved, cost = time.monotonic(), 0.0
    patience = settings.patience if epochs is None else None
    while not progress.stopped(epochs or settings.max_epochs, patience):
        progress.epoch += 1
        torch.manual_seed(run.rng_seed(f"epoch {progress.epoch}"))
        train = loop.epoch(parts["train"], progress.epoch)
        found = evaluate(network, parts["validation"], prepare) if epochs is None else {}
        loss = found.get("validation_loss", train["train_loss"])
        progress.history.append({"epoch": progress.epoch, **train, **found})
        if patience is None or loss < progress.kept_loss:
            progress.kept_loss, progress.kept_epoch = loss, progress.epoch
            if patience is not None:
                progress.kept_weights = copy.deepcopy(network.state_dict())
        if time.monotonic() - saved > max(SAVE_EVERY_S, cost / SAVE_SHARE):
            start = time.monotonic()
            _save(checkpoint, network, loop.optimiser, progress)
            saved = time.monotonic()
            cost = saved - start
            logger.info(
                "%s: epoch %d of at most %d, loss %.3f (kept: %.3f)",
                *(run, progress.epoch, epochs or settings.max_epochs, loss, progress.kept_loss),
            )
    if progress.kept_weights:  # empty without early stopping, or if the loss was never a number
        network.load_state_dict(progress.kept_weights)
    if math.isfinite(progress.kept_loss):
        kept = progress.history[progress.kept_epoch - 1]
        _warn_unless_learnt(run, kept, parts["train"].labels, settings)
    return progress


def constant_loss(labels: torch.Tensor, smoothing: float = 0.0) -> float:
    """The lowest mean loss, nats, of predicting the same probabilities for every photo: ln(classes)
    if all classes have equally many photos, less if not.

    Args:
        labels: of the photos.
        smoothing: label smoothing of the loss.
    """
    counts = labels.cpu().bincount().double()  # on a GPU it is not deterministic
    shares = (1 - smoothing) * counts / counts.sum() + smoothing / len(counts)
    return torch.special.entr(shares).sum().item()


def _warn_unless_learnt(run: Run, kept: dict, labels: torch.Tensor, settings: Training) -> None:
    """Warn if the training loss of the kept epoch is not clearly below `constant_loss`: the
    network's predictions then say little about the photos, whatever they are compared with."""
    constant = constant_loss(labels, settings.label_smoothing)
    if kept["train_loss"] <= LEARNT * constant:
        return
    classes = int(labels.max()) + 1
    logger.warning(
        "%s: the network has learnt next to nothing: at the kept epoch %d its training loss is "
        "%.3f, and predicting the same for every photo gives %.3f (ln %d is %.3f); raise "
        "learning_rate (now %g) or max_epochs (now %d) of the model's recipe, or use weaker "
        "augmentations",
        *(run, kept["epoch"], kept["train_loss"], constant, classes, math.log(classes)),
        *(settings.learning_rate, settings.max_epochs),
    )


class AdamW:
    """torch.optim.AdamW, fused, with bit-identical results, without importing its class.

    That class imports torch's compiler only to exclude itself from it, which takes half as long as
    importing torch.

    Args:
        groups: as for `fit`.
        weight_decay: default for groups.
    """

    def __init__(self, groups: list[dict], weight_decay: float):
        default = {"scale": 1.0, "weight_decay": weight_decay}
        self.groups = [{**default, **group, "params": list(group["params"])} for group in groups]
        # per parameter: running mean and mean square of the gradient, and the number of steps
        self.state = [
            [[torch.zeros_like(p), torch.zeros_like(p), p.new_zeros(())] for p in group["params"]]
            for group in self.groups
        ]

    @torch.no_grad()
    def step(self, rate: float) -> None:
        for group, state in zip(self.groups, self.state, strict=True):
            rows = [(p, p.grad, *own) for p, own in zip(group["params"], state, strict=True)]
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
    """The optimiser's steps over the epochs of a training."""

    def __init__(
        self, network: nn.Module, settings: Training, prepare, groups, precision, penalty=None
    ):
        self.network, self.settings, self.prepare = network, settings, prepare
        self.penalty = penalty
        self.autocast = precision == "bf16"
        self.micro_batch_size = settings.batch_size + 1  # halved when out of memory
        self.optimiser = AdamW(groups or [{"params": network.parameters()}], settings.weight_decay)

    def epoch(self, part: LabelledInputs, number: int) -> dict[str, float]:
        """Train one epoch (`number` counts from 1) and return its mean loss and accuracy."""
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
        """Set the parameters' gradients to the batch's mean. If the batch does not fit into GPU
        memory, gradients are accumulated over micro-batches."""
        while True:
            try:
                return self._accumulate(inputs, labels)
            except torch.OutOfMemoryError:
                if self.micro_batch_size == 1:
                    raise InputError(
                        "out of GPU memory for the training step of one photo; free GPU memory, "
                        "use a smaller backbone, or train on the CPU (device: cpu)"
                    ) from None
            self.micro_batch_size //= 2
            self.network.zero_grad(set_to_none=True)
            torch.cuda.empty_cache()
            logger.warning(
                "out of GPU memory: accumulating batches of %d over micro-batches of %d",
                self.settings.batch_size,
                self.micro_batch_size,
            )

    def _accumulate(self, inputs: torch.Tensor, labels: torch.Tensor) -> list[Pass]:
        self.network.zero_grad(set_to_none=True)
        passes = []
        size = self.micro_batch_size
        for x, y in zip(inputs.split(size), labels.split(size), strict=True):
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
    """Split `order` into batches; a single remaining photo joins the last one (batch norm needs
    two)."""
    batches = list(order.split(size))
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


def step_size(step: int, steps: int, settings: Training) -> float:
    """The learning rate of a step, counted from 0: linear warm-up, then constant or cosine decay to
    0 (SGDR, arXiv 1608.03983, without restarts)."""
    warm = settings.warmup * steps
    if step < warm:
        return settings.learning_rate * min(1.0, (step + 1) / warm)
    if settings.schedule == "constant":
        return settings.learning_rate
    done = (step - warm) / (steps - warm)
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * done))


def evaluate(network: nn.Module, part: LabelledInputs, prepare: Prepare) -> dict[str, float]:
    """Compute validation_loss (nats) and validation_accuracy on a subset."""
    logits = predict(network, part.inputs, prepare)
    loss = cross_entropy(logits, part.labels).item()
    accuracy = (logits.argmax(1) == part.labels).double().mean().item()
    return {"validation_loss": loss, "validation_accuracy": accuracy}


@torch.no_grad()
def predict(network: nn.Module, inputs: torch.Tensor, prepare: Prepare) -> torch.Tensor:
    """Predict logits, float32 (photos, classes), for the inputs of a `LabelledInputs`."""
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
    logger.info("resuming after epoch %d", progress.epoch)
    return progress


def choose_device(wanted: str) -> torch.device:
    """Choose the device. "auto": a GPU if there is one, reserved for this process. "cuda" without a
    GPU: a warning, and the CPU."""
    if wanted != "cpu":
        gpus.take_one()
    if wanted == "cpu" or not torch.cuda.is_available():
        if wanted == "cuda":
            logger.warning("device: cuda was requested, but torch finds no GPU here; using the CPU")
        return torch.device("cpu")
    return torch.device("cuda")


@contextlib.contextmanager
def repeatable(threads: int) -> Iterator[None]:
    """Use `threads` threads and only deterministic algorithms of torch, restored afterwards."""
    before = torch.get_num_threads(), torch.get_deterministic_debug_mode()
    tf32 = torch.backends.cudnn.allow_tf32
    deterministic: Any = torch.utils.deterministic  # whose attributes are made at run time
    fills = deterministic.fill_uninitialized_memory
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # required by cuBLAS
    torch.set_num_threads(threads)
    # as torch.use_deterministic_algorithms, which also imports torch's compiler
    torch.set_deterministic_debug_mode("error")
    torch.backends.cudnn.allow_tf32 = False  # full fp32 in convolutions too
    # outputs need not be filled with NaN first, which costs one more GPU kernel each
    deterministic.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.set_deterministic_debug_mode(before[1])
        torch.backends.cudnn.allow_tf32 = tf32
        deterministic.fill_uninitialized_memory = fills
