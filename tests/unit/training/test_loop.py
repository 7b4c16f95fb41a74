import copy
import math
import os

import pytest
import torch
from torch.nn.functional import cross_entropy

from stillact.config.networks import CNN
from stillact.core.errors import InputError
from stillact.core.runs import Run
from stillact.models import networks
from stillact.recipes.from_scratch.config import FromScratch
from stillact.training import loop

SIZE = 16
RUN = Run("activity3", "cnn_base", "holdout", 0)
PLAIN = CNN(type="cnn", channels=[4], hidden=8)
FULL = CNN(type="cnn", channels=[4, 6], hidden=8, batch_norm=True, dropout=0.3)


def settings(**changes) -> FromScratch:
    values = dict(size=SIZE, geometry="letterbox", learning_rate=0.003, weight_decay=0.01)
    values |= dict(batch_size=10, max_epochs=6, patience=6)
    return FromScratch(**values | changes)


def network(block: CNN = PLAIN, seed: int = 1) -> torch.nn.Module:
    torch.manual_seed(seed)
    return networks.build(block, None, SIZE, 3)


def photos(count: int, seed: int) -> loop.LabelledInputs:
    """Noise in which the class is to be seen: its channel is the brightest."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(3, (count,), generator=draw)
    images = torch.randint(200, (count, 3, SIZE, SIZE), generator=draw, dtype=torch.uint8)
    images[torch.arange(count), labels] += 30
    return loop.LabelledInputs(images, labels)


PARTS = {"train": photos(24, 2), "validation": photos(11, 3)}


def same(images: torch.Tensor) -> torch.Tensor:
    return images


def noisy(images: torch.Tensor) -> torch.Tensor:
    """An augmentation that draws from the global random state, as the real ones do."""
    return (images + 0.05 * torch.randn(images.shape)).clamp(0, 1)


def prepared(augment=same) -> loop.Prepare:
    """Photos in [-1, 1], augmented in training."""

    def prepare(images, training):
        images = images.float() / 255
        return (augment(images) if training else images) * 2 - 1

    return prepare


def fit(net, tmp_path, augment=same, parts=PARTS, **changes) -> loop.Progress:
    settled, checkpoint = settings(**changes), tmp_path / "checkpoint.pt"
    return loop.fit(net, parts, settled, prepared(augment), RUN, checkpoint)


def equal(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    pairs = zip(a.state_dict().items(), b.state_dict().items(), strict=True)
    return all(name == other and torch.equal(x, y) for (name, x), (other, y) in pairs)


def reference(net, augment, epochs, part=PARTS["train"], judge=PARTS["validation"]):
    """A plain loop: the textbook's, without memory formats, fused steps or checkpoints.

    Returns the weights after the epoch with the lowest validation loss, and the four curves.
    """
    optimiser = torch.optim.AdamW(net.parameters(), lr=0.003, weight_decay=0.01, fused=False)
    best, weights, curves = math.inf, None, []
    for epoch in range(1, epochs + 1):
        torch.manual_seed(RUN.rng_seed(f"epoch {epoch}"))
        net.train()
        order = torch.randperm(24)
        losses, right = [], 0
        for first in (0, 10, 20):
            rows = order[first : first + 10]
            x = augment(part.inputs[rows].float() / 255) * 2 - 1
            logits = net(x)
            loss = cross_entropy(logits, part.labels[rows], reduction="none")
            losses += loss.tolist()
            right += int((logits.argmax(1) == part.labels[rows]).sum())
            optimiser.zero_grad()
            loss.mean().backward()
            optimiser.step()
        net.eval()
        with torch.no_grad():
            logits = net(judge.inputs.float() / 255 * 2 - 1)
        loss = float(cross_entropy(logits, judge.labels))
        accuracy = float((logits.argmax(1) == judge.labels).float().mean())
        curves.append([epoch, sum(losses) / 24, right / 24, loss, accuracy])
        if loss < best:
            best, weights = loss, copy.deepcopy(net.state_dict())
    return weights, curves


@pytest.mark.parametrize("augment", [same, noisy])
@pytest.mark.parametrize("block", [PLAIN, FULL], ids=["plain", "batch norm and dropout"])
def test_it_trains_as_a_plain_loop_does(tmp_path, block, augment):
    trained = network(block)
    progress = fit(trained, tmp_path, augment, max_epochs=3)
    weights, curves = reference(network(block), augment, 3)
    assert not equal(trained, network(block))
    for name, value in trained.state_dict().items():
        assert torch.allclose(value.float(), weights[name].float(), rtol=0, atol=1e-5), name
    assert [*progress.history[0]] == [
        "epoch",
        "train_loss",
        "train_accuracy",
        "validation_loss",
        "validation_accuracy",
    ]
    for row, curve in zip(progress.history, curves, strict=True):
        assert [*row.values()] == pytest.approx(curve, abs=1e-5)


def test_it_learns_what_is_to_be_learnt(tmp_path):
    progress = fit(network(), tmp_path, max_epochs=40, patience=40)
    assert progress.history[-1]["train_loss"] < 0.5 * progress.history[0]["train_loss"]
    assert progress.history[-1]["train_accuracy"] == 1
    assert progress.history[progress.kept_epoch - 1]["validation_accuracy"] > 0.8


@pytest.fixture
def scripted(monkeypatch):
    """Validation losses as given, epoch by epoch; the losses that are trained on stay real."""

    def script(losses):
        left = iter(losses)

        def loss(logits, labels, **options):
            real = cross_entropy(logits, labels, **options)
            return real if logits.requires_grad else torch.tensor(next(left))

        monkeypatch.setattr(loop, "cross_entropy", loss)

    return script


@pytest.mark.parametrize(
    ("losses", "patience", "epochs", "best"),
    [
        ([0.9, 0.5, 0.6, 0.7, 0.8, 0.1], 3, 5, 2),
        ([0.9, 0.5, 0.6, 0.7, 0.4, 0.8], 3, 6, 5),
        ([0.5, 0.5, 0.5, 0.5, 0.5, 0.5], 2, 3, 1),  # an equal loss is not a better one
        ([0.9, 0.8, 0.7, 0.6, 0.5, 0.4], 1, 6, 6),
        ([0.9, 1.0, 0.1, 0.1, 0.1, 0.1], 1, 2, 1),
        ([math.nan, 0.7, math.nan, 0.9, 0.8, 0.1], 3, 5, 2),
    ],
)
def test_it_ends_patience_epochs_after_the_best_and_takes_its_weights(
    tmp_path, scripted, losses, patience, epochs, best
):
    scripted(losses)
    stopped = network(FULL)
    progress = fit(stopped, tmp_path, patience=patience)
    assert (progress.epoch, progress.kept_epoch) == (epochs, best)
    shown = [row["validation_loss"] for row in progress.history]
    assert shown == pytest.approx(losses[:epochs], nan_ok=True)
    scripted([0.9 - 0.1 * i for i in range(best)])  # so that its last epoch is its best
    until_best = network(FULL)
    fit(until_best, tmp_path, max_epochs=best)
    assert equal(stopped, until_best)


def test_a_training_that_diverges_ends_after_patience_epochs(tmp_path, scripted):
    scripted([math.nan] * 6)
    progress = fit(network(), tmp_path, patience=2)
    assert (progress.epoch, progress.kept_epoch) == (2, 0)


class Killed(Exception):
    pass


def killed_at(batch: int):
    """`noisy`, until the training comes to its `batch`-th batch, counted from 1."""
    count = 0

    def augment(images):
        nonlocal count
        count += 1
        if count == batch:
            raise Killed
        return noisy(images)

    return augment


@pytest.mark.parametrize("batch", range(1, 19))  # three an epoch
def test_a_killed_training_goes_on_as_if_it_had_not_been(tmp_path, monkeypatch, batch):
    monkeypatch.setattr(loop, "SAVE_EVERY_S", -1)
    monkeypatch.setattr(loop, "SAVE_SHARE", math.inf)
    (tmp_path / "other").mkdir()
    whole = network(FULL)
    expected = fit(whole, tmp_path / "other", noisy)
    with pytest.raises(Killed):
        fit(network(FULL), tmp_path, killed_at(batch))
    resumed = network(FULL, seed=99)
    if batch <= 3:  # killed in the first epoch: nothing saved, so it starts as any training does
        assert not (tmp_path / "checkpoint.pt").exists()
        resumed = network(FULL)
    progress = fit(resumed, tmp_path, noisy)
    assert equal(resumed, whole)
    assert progress.history == expected.history
    assert (progress.epoch, progress.kept_epoch) == (expected.epoch, expected.kept_epoch)


def test_a_finished_training_does_not_go_on(tmp_path, monkeypatch, scripted):
    monkeypatch.setattr(loop, "SAVE_EVERY_S", -1)
    monkeypatch.setattr(loop, "SAVE_SHARE", math.inf)
    scripted([0.9, 0.5, 0.6, 0.7])
    stopped = network(FULL)
    fit(stopped, tmp_path, noisy, patience=2)
    again = network(FULL, seed=99)
    progress = fit(again, tmp_path, killed_at(1), patience=2)
    assert (progress.epoch, progress.kept_epoch) == (4, 2)
    assert equal(again, stopped)


@pytest.mark.parametrize("losses", [[0.1, 0.9, 0.9, 0.9], [0.9, math.nan, 0.2, 0.5]])
def test_without_patience_every_epoch_is_trained_and_the_last_weights_are_kept(
    tmp_path, scripted, losses
):
    scripted(losses)
    trained = network(FULL)
    progress = fit(trained, tmp_path, noisy, max_epochs=4, patience=None)
    assert (progress.epoch, progress.kept_epoch) == (4, 4)
    assert progress.kept_loss == pytest.approx(losses[-1])
    scripted([0.9, 0.8, 0.7, 0.6])  # so that with early stopping the last epoch is kept too
    other = network(FULL)
    fit(other, tmp_path, noisy, max_epochs=4, patience=4)
    assert equal(trained, other)


def test_without_patience_the_validation_photos_have_no_influence(tmp_path):
    parts = [PARTS, {**PARTS, "validation": photos(5, 9)}]
    nets = [network(FULL), network(FULL)]
    for net, of_net in zip(nets, parts, strict=True):
        fit(net, tmp_path, noisy, of_net, max_epochs=4, patience=None)
    assert equal(*nets)


def test_a_training_without_patience_resumes_with_its_budget(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "SAVE_EVERY_S", -1)
    monkeypatch.setattr(loop, "SAVE_SHARE", math.inf)
    (tmp_path / "other").mkdir()
    whole, resumed = network(FULL), network(FULL, seed=99)
    settled = dict(patience=None, schedule="cosine")
    fit(whole, tmp_path / "other", noisy, **settled)
    with pytest.raises(Killed):
        fit(network(FULL), tmp_path, killed_at(11), **settled)
    progress = fit(resumed, tmp_path, noisy, **settled)
    assert equal(resumed, whole)
    assert (progress.epoch, progress.kept_epoch) == (6, 6)


def test_a_network_that_has_learnt_nothing_is_told(tmp_path, caplog):
    fit(network(), tmp_path, learning_rate=1e-9, max_epochs=2, patience=None)
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.startswith(f"{RUN}: the network has learnt next to nothing")
    labels = PARTS["train"].labels
    assert f"gives {loop.constant_loss(labels):.3f} (ln 3 is 1.099)" in told
    assert "learning_rate (now 1e-09) or max_epochs (now 2)" in told


def test_the_epoch_that_is_kept_decides_whether_it_is_told(tmp_path, caplog, scripted):
    """Early stopping keeps the first epoch of a network that learns later."""
    scripted([0.1, *[0.9] * 29])
    progress = fit(network(), tmp_path, max_epochs=30, patience=30)
    assert progress.history[-1]["train_loss"] < 0.8
    (told,) = [record.getMessage() for record in caplog.records]
    assert "at the kept epoch 1 " in told


def test_a_network_that_has_learnt_is_not_warned_of(tmp_path, caplog):
    fit(network(), tmp_path, max_epochs=40, patience=None)
    assert not caplog.records


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("counts", [[4, 4, 4], [9, 2, 1], [6, 2]])
def test_the_loss_of_a_constant_is_the_lowest_of_any_constant(counts, smoothing):
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    logits = torch.zeros(len(counts), requires_grad=True)
    optimiser = torch.optim.LBFGS([logits], max_iter=200, line_search_fn="strong_wolfe")

    def loss():
        optimiser.zero_grad()
        found = cross_entropy(logits.expand(len(labels), -1), labels, label_smoothing=smoothing)
        found.backward()
        return found

    optimiser.step(loss)
    assert loop.constant_loss(labels, smoothing) == pytest.approx(loss().item(), abs=1e-4)


def test_nothing_is_saved_before_its_time(tmp_path):
    fit(network(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_process_killed_while_it_saves_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "SAVE_EVERY_S", -1)
    monkeypatch.setattr(loop, "SAVE_SHARE", math.inf)
    (tmp_path / "other").mkdir()
    whole = network(FULL)
    fit(whole, tmp_path / "other", noisy)
    save, saved = torch.save, []

    def killed_in_the_third(state, path):
        saved.append(path)
        if len(saved) == 3:
            path.write_bytes(b"half a checkp")
            raise Killed
        save(state, path)

    monkeypatch.setattr(torch, "save", killed_in_the_third)
    with pytest.raises(Killed):
        fit(network(FULL), tmp_path, noisy)
    monkeypatch.setattr(torch, "save", save)
    resumed = network(FULL, seed=99)
    fit(resumed, tmp_path, noisy)
    assert equal(resumed, whole)


def test_a_checkpoint_that_holds_code_is_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    torch.save({"network": Evil()}, tmp_path / "checkpoint.pt")
    with pytest.raises(Exception, match="Weights only load failed"):
        fit(network(), tmp_path)
    assert not (tmp_path / "ran").exists()


def test_predictions_come_from_the_network_as_it_is_used(monkeypatch):
    net = network(FULL)
    part = photos(10, 4)
    at_once = loop.predict(net, part.inputs, prepared())
    assert (at_once.shape, at_once.requires_grad) == ((10, 3), False)
    monkeypatch.setattr(loop, "CHUNK", 3)
    net.train()
    assert torch.allclose(loop.predict(net, part.inputs, prepared()), at_once, atol=1e-6)
    one = net.eval()(part.inputs[7:8].float() / 127.5 - 1)
    assert torch.allclose(one[0], at_once[7], atol=1e-6)


def test_the_step_size_warms_up_and_falls_as_a_cosine():
    rates = settings(learning_rate=0.1, warmup=0.2, schedule="cosine")
    found = [loop.step_size(step, 10, rates) for step in range(10)]
    halves = [0.5 + 0.5 * math.cos(math.pi * k / 8) for k in range(8)]
    assert found == pytest.approx([0.05, 0.1, *(0.1 * half for half in halves)])


def test_the_step_size_is_constant_where_nothing_is_said():
    assert {loop.step_size(step, 10, settings()) for step in range(10)} == {0.003}
    warm = settings(learning_rate=0.1, warmup=0.25)  # two steps and a half of ten
    found = [loop.step_size(step, 10, warm) for step in range(5)]
    assert found == pytest.approx([0.04, 0.08, 0.1, 0.1, 0.1])


def _weights_and_biases(net) -> tuple[list, list]:
    parameters = list(net.parameters())
    return [p for p in parameters if p.ndim > 1], [p for p in parameters if p.ndim == 1]


def test_every_setting_of_a_step_is_as_in_a_plain_loop(tmp_path):
    """Cosine with warm-up, clipped gradients, smoothed labels, groups with steps of their own."""
    whole = settings(
        max_epochs=2, warmup=0.3, schedule="cosine", clip_norm=0.05, label_smoothing=0.2
    )
    trained, plain = network(), network()
    weights, biases = _weights_and_biases(trained)
    groups = [
        {"params": weights, "weight_decay": 0.5, "scale": 1.0},
        {"params": biases, "weight_decay": 0.0, "scale": 0.1},
    ]
    parts = {"train": PARTS["train"], "validation": PARTS["train"]}
    checkpoint = tmp_path / "checkpoint.pt"
    progress = loop.fit(trained, parts, whole, prepared(), RUN, checkpoint, groups)
    assert progress.kept_epoch == 2
    weights, biases = _weights_and_biases(plain)
    optimiser = torch.optim.AdamW(
        [{"params": weights, "weight_decay": 0.5}, {"params": biases, "weight_decay": 0.0}],
        fused=False,
    )
    part, step, clipped = PARTS["train"], 0, 0
    for epoch in (1, 2):
        torch.manual_seed(RUN.rng_seed(f"epoch {epoch}"))
        plain.train()
        for rows in torch.randperm(24).split(10):
            warm = 0.3 * 6
            rise = min(1, (step + 1) / warm)
            fall = 0.5 + 0.5 * math.cos(math.pi * max(0, step - warm) / (6 - warm))
            rate = 0.003 * (rise if step < warm else fall)
            optimiser.param_groups[0]["lr"], optimiser.param_groups[1]["lr"] = rate, 0.1 * rate
            logits = plain(part.inputs[rows].float() / 255 * 2 - 1)
            target = torch.eye(3)[part.labels[rows]] * 0.8 + 0.2 / 3
            loss = -(target * logits.log_softmax(1)).sum(1).mean()
            optimiser.zero_grad()
            loss.backward()
            norm = torch.stack([p.grad.norm() for p in plain.parameters()]).norm()
            clipped += int(norm > 0.05)
            for p in plain.parameters():
                p.grad *= min(1, 0.05 / norm)
            optimiser.step()
            step += 1
    assert clipped  # otherwise clipping is not tested
    for a, b in zip(trained.parameters(), plain.parameters(), strict=True):
        assert torch.allclose(a, b, atol=2e-5)


def test_its_adamw_is_torchs_to_the_bit():
    """Two groups; a parameter without a gradient stays as it is, whatever the weight decay."""
    one, other = (torch.nn.Sequential(network(), torch.nn.Linear(3, 3)) for _ in range(2))
    other.load_state_dict(one.state_dict())
    unused = [p.clone() for p in one[1].parameters()]
    ours = [
        {"params": one[0].parameters(), "scale": 0.5},
        {"params": one[1].parameters(), "weight_decay": 0.0},
    ]
    ours = loop.AdamW(ours, weight_decay=0.1)
    theirs = [
        {"params": other[0].parameters(), "lr": 0.004},
        {"params": other[1].parameters(), "weight_decay": 0.0},
    ]
    theirs = torch.optim.AdamW(theirs, lr=0.008, weight_decay=0.1, fused=True)
    for made in (one, other):
        torch.manual_seed(3)
        for _ in range(5):
            made.zero_grad()
            made[0](torch.randn(4, 3, SIZE, SIZE)).square().sum().backward()
            ours.step(0.008) if made is one else theirs.step()
    assert equal(one, other)
    assert all(map(torch.equal, one[1].parameters(), unused))


class Small(torch.nn.Module):
    """A network on a device whose memory holds `room` photos."""

    def __init__(self, room: int):
        super().__init__()
        self.room, self.inner = room, network()

    def forward(self, images):
        if self.training and len(images) > self.room:
            raise torch.OutOfMemoryError("out of memory")
        return self.inner(images)


@pytest.mark.parametrize(("room", "told"), [(11, []), (10, []), (4, [5, 2]), (1, [5, 2, 1])])
def test_a_batch_that_does_not_fit_goes_through_in_parts(tmp_path, caplog, room, told):
    whole, parted = Small(99), Small(room)
    expected = fit(whole, tmp_path, max_epochs=2)
    progress = fit(parted, tmp_path, max_epochs=2)
    parts = [r.args[1] for r in caplog.records if "out of GPU memory" in r.msg]
    assert parts == told
    for name, value in parted.state_dict().items():
        assert torch.allclose(value, whole.state_dict()[name], atol=1e-5), name
    for row, other in zip(progress.history, expected.history, strict=True):
        assert [*row.values()] == pytest.approx([*other.values()], abs=1e-5)


def test_a_photo_that_does_not_fit_says_what_to_do(tmp_path):
    with pytest.raises(
        InputError, match=r"out of GPU memory for the training step of one photo; .*device: cpu"
    ):
        fit(Small(0), tmp_path)


def test_a_single_photo_left_over_joins_the_last_batch(tmp_path):
    """Batch norm on features has no variance of one row."""
    draw = torch.Generator().manual_seed(1)
    rows = loop.LabelledInputs(torch.randn(21, 5, generator=draw), torch.arange(21) % 3)
    net = networks.mlp(5, [4], 3, 0.0)
    checkpoint, seen = tmp_path / "checkpoint.pt", []
    net.register_forward_pre_hook(lambda net, x: seen.append(len(x[0])) if net.training else None)
    parts = {"train": rows, "validation": rows}
    once = settings(max_epochs=1)
    loop.fit(net, parts, once, lambda x, _: x, RUN, checkpoint)
    assert seen == [10, 11]


def test_bf16_is_used_in_training_alone(tmp_path):
    kinds = {True: set(), False: set()}
    net = network()
    net[-1].register_forward_hook(lambda net, x, out: kinds[net.training].add(out.dtype))
    checkpoint = tmp_path / "checkpoint.pt"
    once = settings(max_epochs=1)
    loop.fit(net, PARTS, once, prepared(), RUN, checkpoint, precision="bf16")
    assert kinds == {True: {torch.bfloat16}, False: {torch.float32}}
    assert {p.dtype for p in net.parameters()} == {torch.float32}


def test_a_network_that_is_slow_to_save_is_saved_less_often(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "SAVE_EVERY_S", -1)
    clock, saved = [0.0], []
    monkeypatch.setattr(loop.time, "monotonic", lambda: clock[0])

    def save(*args):
        saved.append(clock[0])
        clock[0] += 2  # seconds a save

    def second_a_batch(images):
        clock[0] += 1
        return images

    monkeypatch.setattr(loop, "_save", save)
    fit(network(), tmp_path, second_a_batch, max_epochs=30, patience=30)
    assert saved[:3] == [3, 47, 91]  # 3 s an epoch; 2 s are 5 % of 40 s


@pytest.mark.parametrize(
    ("wanted", "there", "expected", "warnings"),
    [
        ("auto", True, "cuda", 0),
        ("cuda", True, "cuda", 0),
        ("cpu", True, "cpu", 0),
        ("auto", False, "cpu", 0),
        ("cuda", False, "cpu", 1),
        ("cpu", False, "cpu", 0),
    ],
)
def test_the_device(monkeypatch, caplog, wanted, there, expected, warnings):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert loop.choose_device(wanted) == torch.device(expected)
    told = [record for record in caplog.records if record.name == "stillact"]
    assert len(told) == warnings
    assert all(r.levelname == "WARNING" and "no GPU" in r.getMessage() for r in told)


def test_repeatable_holds_inside_and_is_undone(monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")  # the user's own stays
    before = torch.get_num_threads()
    inside = []

    def die():
        with loop.repeatable(before + 1):
            inside.append(torch.get_num_threads())
            inside.append(torch.are_deterministic_algorithms_enabled())
            raise Killed

    with pytest.raises(Killed):
        die()
    assert inside == [before + 1, True]
    assert torch.get_num_threads() == before
    assert not torch.are_deterministic_algorithms_enabled()
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"
