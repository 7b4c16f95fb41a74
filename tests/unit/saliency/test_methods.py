import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import interpolate

from stillact.recipes.fine_tune.setup import Classifier
from stillact.saliency import attention, legrad
from stillact.saliency import methods as saliency_methods
from support.tiny_backbones import PATCH, SIZE, load


@pytest.fixture(params=["open_clip", "open_clip_pooler", "timm", "transformers"])
def network(request, tmp_path) -> Classifier:
    backbone = load(request.param, tmp_path / request.param)
    torch.manual_seed(5)
    return Classifier(backbone, nn.Linear(backbone.embedding_width, 3), normalised=False).eval()


IMAGES = torch.randn(3, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
CLASSES = torch.tensor([2, 0, 1])


def test_legrad_is_of_the_class_of_each_photo(network):
    made = saliency_methods.maps("legrad_all", network, IMAGES, CLASSES)
    every = legrad.maps(network.backbone, IMAGES, network.logits, "all")
    np.testing.assert_allclose(made, every[range(3), CLASSES].numpy(), atol=1e-6)
    other = saliency_methods.maps("legrad_1", network, IMAGES, CLASSES)
    assert np.abs(made - other).max() > 0.05


def test_grad_cam_is_its_definition(network):
    """Mean gradients over patches weigh the channels of the last block's first norm."""
    made = saliency_methods.maps("grad_cam", network, IMAGES, CLASSES)
    kept = []
    norm = attention.anatomy(network.backbone).norms[-1]
    handle = norm.register_forward_hook(lambda _, __, output: kept.append(output))
    scores = network(IMAGES).gather(1, CLASSES[:, None]).sum()
    tokens = kept[-1]
    (gradient,) = torch.autograd.grad(scores, tokens)
    handle.remove()
    of_patches = slice(-((SIZE // PATCH) ** 2), None)
    weights = gradient[:, of_patches].mean(1, keepdim=True)
    grid = (weights * tokens[:, of_patches]).sum(2).relu().unflatten(1, (SIZE // PATCH, -1))
    expected = interpolate(legrad.scaled(grid)[:, None], (SIZE, SIZE), mode="bilinear")[:, 0]
    assert expected.max() > 0.5
    np.testing.assert_allclose(made, legrad.scaled(expected).detach().numpy(), atol=0.01)


def test_rollout_and_centre_know_no_class(network):
    for name in ("rollout", "centre"):
        made = saliency_methods.maps(name, network, IMAGES, CLASSES)
        again = saliency_methods.maps(name, network, IMAGES, CLASSES.roll(1))
        np.testing.assert_array_equal(made, again)
        assert made.shape == (3, SIZE, SIZE)
        assert made.min() >= 0
        assert made.max() <= 1


def test_the_network_is_left_as_found(network):
    state = copy.deepcopy(network.state_dict())
    for name in ("legrad_2", *saliency_methods.BASELINES):
        saliency_methods.maps(name, network, IMAGES, CLASSES)
    assert all(p.requires_grad and p.grad is None for p in network.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())
    assert all(torch.equal(state[key], tensor) for key, tensor in network.state_dict().items())


def test_batches_are_put_together(network, monkeypatch):
    whole = saliency_methods.maps("legrad_2", network, IMAGES, CLASSES)
    monkeypatch.setattr(saliency_methods, "BATCH", 2)
    np.testing.assert_allclose(
        saliency_methods.maps("legrad_2", network, IMAGES, CLASSES), whole, atol=1e-5
    )


def test_a_gaussian_lies_in_the_middle():
    made = saliency_methods.centre(32)
    assert np.unravel_index(made.argmax(), made.shape) == (15, 15)
    np.testing.assert_allclose(made, made[::-1, ::-1])
    assert made[15, 24] == pytest.approx(np.exp(-((8.5 / 32) ** 2 + (0.5 / 32) ** 2) * 8), rel=1e-5)


def test_randomised_weights_keep_their_values_and_lose_their_places(network):
    made = saliency_methods.randomised(network, seed=1)
    for (name, one), other in zip(network.named_parameters(), made.parameters(), strict=True):
        torch.testing.assert_close(one.flatten().sort().values, other.flatten().sort().values)
        assert one.numel() < 10 or one.unique().numel() < 3 or not torch.equal(one, other), name
    again = saliency_methods.randomised(network, seed=1)
    assert all(map(torch.equal, made.parameters(), again.parameters()))
