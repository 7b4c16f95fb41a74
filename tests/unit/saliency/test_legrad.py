"""LeGrad against the official implementation's numbers, and against autograd through the whole
model with its attention laid open."""

import copy

import open_clip
import pytest
import torch
from torch import nn
from torch.nn import functional

from stillact.core.errors import InputError
from stillact.models.backbones.base import Backbone
from stillact.saliency import attention, legrad
from support.tiny_backbones import EVERY, PATCH, SIZE, load

# legrad-torch 1.1 on open_clip 2.23.0: the map of prompt 0 at pixel rows and columns 4, 12, 20, 28.
OFFICIAL = {
    2: [
        [0.69416, 0.30318, 0.97447, 0.08196],
        [0.74507, 0.36353, 0.73438, 0.38254],
        [0.28847, 0.81925, 0.23876, 0.81231],
        [0.06379, 0.96570, 0.17674, 0.70542],
    ],
    "all": [
        [0.25793, 0.63742, 0.08863, 0.94155],
        [0.20450, 0.52684, 0.21650, 0.43984],
        [0.60780, 0.10565, 0.66746, 0.07282],
        [0.93483, 0.00000, 0.61278, 0.18327],
    ],
}
POOLED = ("open_clip_siglip", "open_clip_pooler", "transformers_siglip")


def wrapped(image: nn.Module, width: int, size: int) -> Backbone:
    look = dict(size=size, mean=[0.5] * 3, std=[0.5] * 3, geometry="squash")
    look |= dict(interpolation="bicubic", crop=1.0)
    return Backbone(image, look, width, "transformer.resblocks", {"": 0})


def official_backbone() -> Backbone:
    """A CLIP of three layers whose weights are sines."""
    vision = dict(image_size=32, patch_size=8, width=32, head_width=8, layers=3)
    text = dict(context_length=8, vocab_size=32, width=16, heads=2, layers=1)
    visual = open_clip.model.CLIP(16, vision, text).visual
    with torch.no_grad():
        for k, (name, parameter) in enumerate(sorted(visual.named_parameters())):
            v = torch.sin(torch.arange(parameter.numel(), dtype=torch.float64) * 0.7 + 1.3 * k)
            if "ln_" in name and name.endswith("weight"):
                v = 1 + 0.1 * v
            else:
                v = (0.05 if parameter.ndim == 1 else 0.4) * v
            parameter.copy_(v.reshape(parameter.shape))
    return wrapped(visual, 16, 32)


@pytest.mark.parametrize("layers", OFFICIAL)
def test_maps_are_those_of_the_official_implementation(layers):
    image = torch.sin(0.37 * torch.arange(3072, dtype=torch.float64)).reshape(1, 3, 32, 32).float()
    texts = torch.cos(0.9 * torch.arange(32, dtype=torch.float64)).reshape(2, 16).float()
    score = legrad.to_texts(functional.normalize(texts, dim=-1))
    made = legrad.maps(official_backbone(), image, score, layers)
    assert made.shape == (1, 2, 32, 32)
    points = made[0, 0, 4::8, 4::8]
    torch.testing.assert_close(points, torch.tensor(OFFICIAL[layers]), rtol=0, atol=2e-5)


@pytest.fixture(params=EVERY)
def kind(request):
    return request.param


@pytest.fixture
def backbone(kind, tmp_path) -> Backbone:
    return load(kind, tmp_path / kind)


def images(count: int, height: int = SIZE, width: int = SIZE) -> torch.Tensor:
    return torch.randn(count, 3, height, width, generator=torch.Generator().manual_seed(1))


def scored(backbone: Backbone, scores: int = 3) -> nn.Linear:
    torch.manual_seed(2)
    return nn.Linear(backbone.embedding_width, scores)


def read(kind: str, image: nn.Module, tokens: torch.Tensor) -> torch.Tensor:
    """What each library makes of a layer's tokens, written out."""
    match kind:
        case "open_clip":
            return image.ln_post(tokens.mean(1)) @ image.proj
        case "open_clip_pooler":
            return image.ln_post(image.attn_pool(tokens))[:, 0] @ image.proj
        case "open_clip_siglip":
            return image.trunk.attn_pool(tokens[:, 1:])  # this one has a class token, unused
        case "timm":
            return image.norm(tokens.mean(1))
        case "timm_average":
            return image.fc_norm(tokens.mean(1))
        case "transformers":
            return image.tower.layernorm(tokens.mean(1))
        case "transformers_clip":
            return image.projection(image.tower.post_layernorm(tokens.mean(1)))
        case "transformers_siglip":
            return image.tower.head(tokens)


class Laid:
    """Attention replaced by one that keeps its weights, in the order of the calls."""

    def __init__(self, monkeypatch):
        self.weights = []
        monkeypatch.setattr(functional, "scaled_dot_product_attention", self.fused)
        monkeypatch.setattr(functional, "softmax", self.softmax)  # where weights are asked for

    def softmax(self, scores, dim, **_):
        self.weights.append(scores.softmax(dim).requires_grad_())
        return self.weights[-1]

    def fused(self, q, k, v, *_, scale=None, **__):
        scale = q.shape[-1] ** -0.5 if scale is None else scale
        return self.softmax(q @ k.transpose(-2, -1) * scale, -1) @ v


@pytest.mark.parametrize("layers", [1, "all"])
def test_grids_are_those_of_autograd_through_the_whole_model(kind, backbone, layers, monkeypatch):
    # In float64: how float32 rounds depends on the processor.
    backbone, score, seen = backbone.double(), scored(backbone).double(), images(2).double()
    made = legrad.grids(backbone, seen, score, layers)
    laid, tokens = Laid(monkeypatch), []
    for block in backbone.blocks():
        block.register_forward_hook(lambda _, __, output: tokens.append(output))
    backbone.encode_image(seen)
    depth = len(backbone.blocks())
    expected = torch.zeros(2, 3, (SIZE // PATCH) ** 2, dtype=torch.float64)
    for layer in range(depth - 1 if layers == 1 else 0, depth):
        for prompt in range(3):
            scores = score(read(kind, backbone.image, tokens[layer]))[:, prompt].sum()
            weights = laid.weights[-1 if kind in POOLED else layer]
            (gradient,) = torch.autograd.grad(scores, weights, retain_graph=True)
            heads = gradient if gradient.ndim == 4 else gradient.unflatten(0, (2, -1))
            of_tokens = heads.clamp(min=0).mean(1).mean(1)
            expected[:, prompt] += of_tokens[:, -expected.shape[-1] :]
    assert expected.max() > 0
    torch.testing.assert_close(made.flatten(2), expected, rtol=1e-4, atol=1e-8)


def test_the_model_is_left_as_it_was_found(backbone):
    backbone.train()
    backbone.blocks()[0].eval()
    frozen = next(iter(backbone.image.parameters()))
    frozen.requires_grad_(False)
    modes = [module.training for module in backbone.modules()]
    flags = [parameter.requires_grad for parameter in backbone.parameters()]
    state = copy.deepcopy(backbone.state_dict())
    legrad.maps(backbone, images(1), scored(backbone))
    attention.rollout(backbone, images(1))
    assert [module.training for module in backbone.modules()] == modes
    assert [parameter.requires_grad for parameter in backbone.parameters()] == flags
    assert all(parameter.grad is None for parameter in backbone.parameters())
    assert all(torch.equal(state[key], tensor) for key, tensor in backbone.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in backbone.modules())
    assert torch.is_grad_enabled()


def test_hooks_go_when_the_score_fails(backbone):
    def score(embeddings):
        raise RuntimeError("no score")

    with pytest.raises(RuntimeError, match="no score"):
        legrad.maps(backbone, images(1), score)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in backbone.modules())
    assert torch.is_grad_enabled()


def test_a_batch_and_several_scores_are_each_alone(backbone):
    score, seen = scored(backbone), images(4)
    together = legrad.maps(backbone, seen, score, "all")
    alone = torch.cat([legrad.maps(backbone, image[None], score, "all") for image in seen])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)
    for prompt in range(3):
        one = legrad.maps(backbone, seen, lambda e, p=prompt: score(e)[:, [p]], "all")
        torch.testing.assert_close(one[:, 0], together[:, prompt], rtol=0, atol=1e-5)


def test_full_size_clip_in_batches_and_by_prompt():
    """ViT-B/32 with random weights."""
    torch.manual_seed(0)
    model = open_clip.create_model("ViT-B-32-quickgelu", pretrained=None, load_weights=False)
    backbone = wrapped(model.visual, 512, 224)
    texts = functional.normalize(torch.randn(3, 512), dim=-1)
    seen = images(8, 224, 224)
    together = legrad.maps(backbone, seen, legrad.to_texts(texts), "all")
    alone = torch.cat(
        [legrad.maps(backbone, image[None], legrad.to_texts(texts), "all") for image in seen]
    )
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)
    one = legrad.maps(backbone, seen, legrad.to_texts(texts[1:2]), "all")
    torch.testing.assert_close(one[:, 0], together[:, 1], rtol=0, atol=1e-5)
    assert together.amin((-2, -1)).eq(0).all()
    assert together.amax((-2, -1)).eq(1).all()


def test_a_score_that_hangs_on_nothing_gives_zeros(backbone):
    score = scored(backbone)
    nn.init.zeros_(score.weight)
    made = legrad.maps(backbone, images(2), score)
    assert made.eq(0).all()


def test_scaling_is_by_map_and_constant_maps_are_zero():
    maps = torch.tensor([[[[1.0, 3.0], [2.0, 1.0]], [[5.0, 5.0], [5.0, 5.0]]]])
    expected = [[[[0.0, 1.0], [0.5, 0.0]], [[0.0, 0.0], [0.0, 0.0]]]]
    assert legrad.scaled(maps).tolist() == expected


def test_a_backbone_without_blocks_is_refused():
    backbone = wrapped(nn.Flatten(), 4, 32)
    backbone._blocks = None
    with pytest.raises(InputError, match="no transformer blocks"):
        legrad.maps(backbone, images(1), nn.Identity())


def test_rollout_is_the_product_of_the_layers(kind, backbone, monkeypatch):
    made = attention.rollout(backbone, images(2))
    laid = Laid(monkeypatch)
    backbone.encode_image(images(2))
    heads = [w if w.ndim == 4 else w.unflatten(0, (2, -1)) for w in laid.weights]
    flow = torch.eye(heads[0].shape[-1]).expand(2, -1, -1)
    for weights in heads[: len(backbone.blocks())]:
        flow = (0.5 * weights.mean(1) + 0.5 * torch.eye(weights.shape[-1])) @ flow
    if kind in POOLED:
        pooling = heads[-1].mean(1)
        flow = pooling @ flow[:, -pooling.shape[-1] :]
    row = flow.mean(1) if kind == "timm_average" else flow[:, 0]
    expected = row[:, -((SIZE // PATCH) ** 2) :]
    torch.testing.assert_close(made.flatten(1), expected, rtol=1e-4, atol=1e-7)
