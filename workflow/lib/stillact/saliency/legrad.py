"""LeGrad: saliency maps of vision transformers from gradients with respect to attention.

Bousselham and others, "LeGrad: An Explainability Method for Vision Transformers via Feature
Formation Sensitivity" (arXiv 2404.03214); the reference implementation is legrad-torch 1.1. This
implementation leaves the model unchanged: it uses hooks and computes the gradient of each block
separately, so that memory holds the graph of only one block.
"""

import contextlib
from collections.abc import Callable
from typing import Literal

import torch
from torch import nn
from torch.nn.functional import interpolate

from stillact.models.backbones.base import Backbone
from stillact.saliency.attention import Anatomy, Attention, anatomy, evaluating, tokens_of

# From embeddings (batch, width) to scores (batch, classes or prompts).
Score = Callable[[torch.Tensor], torch.Tensor]
Layers = int | Literal["all"]


def maps(
    backbone: Backbone, images: torch.Tensor, score: Score, layers: Layers = 2
) -> torch.Tensor:
    """A saliency map for each image and score, of the size of the image, 0 to 1.

    Args:
        backbone: a transformer; its parameters, flags and modes are not changed.
        images: normalised, float32 (batch, 3, height, width), of the backbone's input size.
        score: the score to explain: `to_texts`, or a classifier's head. Differentiable.
        layers: number of blocks, counted from the last; "all" (as in the paper) or 2 (the default
            of the reference implementation).

    Returns:
        float32 (batch, scores, height, width). A constant map is 0.

    Raises:
        InputError: as `attention.anatomy`.
    """
    found = grids(backbone, images, score, layers)
    return heat(found, images.shape[-2:], pooled=anatomy(backbone).pooler is not None)


@torch.no_grad()
def grids(
    backbone: Backbone, images: torch.Tensor, score: Score, layers: Layers = 2
) -> torch.Tensor:
    """As `maps`, before upsampling and scaling: (batch, scores, rows, columns), 0 or more.

    For a score s of the output of block l (`Anatomy.readout`), the gradient of s with respect to
    the block's attention weights A = softmax(QK') is (ds/dO) V', where O = AV: the weights
    themselves are not needed, and fused attention can be used.
    """
    parts = anatomy(backbone)
    first = 0 if layers == "all" else max(0, len(parts.blocks) - layers)
    chosen = [[block] for block in parts.blocks[first:]]
    attentions = parts.attentions[first:]
    if parts.pooler:  # one attention pools all blocks
        chosen, attentions = [parts.blocks[first:]], [parts.pooler]
    watchers = [_Watcher(parts, attention, score) for attention in attentions]
    with evaluating(backbone), contextlib.ExitStack() as hooks:
        for watcher, blocks in zip(watchers, chosen, strict=True):
            for handle in watcher.attach(blocks):
                hooks.callback(handle.remove)
        backbone.encode_image(images)
    return parts.patches(sum(watcher.found for watcher in watchers), images)


class _Watcher:
    """Hooks on an attention and on the blocks that it reads, which accumulate the relevance of
    tokens during a forward pass without gradients."""

    def __init__(self, parts: Anatomy, attention: Attention, score: Score):
        self.parts, self.attention, self.score = parts, attention, score
        self.found: torch.Tensor | float = 0.0

    def attach(self, blocks: list[nn.Module]) -> list:
        return [
            self.attention.inputs.register_forward_pre_hook(self._attending),
            self.attention.outputs.register_forward_hook(self._attended),
            *(block.register_forward_hook(self._left) for block in blocks),
        ]

    def _attending(self, module: nn.Module, args: tuple) -> None:
        self.tokens = tokens_of(args).detach()

    def _attended(self, module: nn.Module, args: tuple, output):
        """Start a graph at the attention's output; it ends at the output of the block."""
        several = isinstance(output, tuple)
        self.output = (output[0] if several else output).detach().requires_grad_()
        torch.set_grad_enabled(True)
        return (self.output, *output[1:]) if several else self.output

    def _left(self, block: nn.Module, args: tuple, tokens: torch.Tensor) -> torch.Tensor:
        scores = self.score(self.parts.readout(tokens)).unbind(1)  # runs the hooks of a pooler
        gradients = [
            torch.autograd.grad(score.sum(), self.output, retain_graph=score is not scores[-1])[0]
            for score in scores
        ]
        torch.set_grad_enabled(False)
        self.found += torch.stack([self._relevance(gradient) for gradient in gradients], 1)
        return tokens.detach()

    def _relevance(self, gradient: torch.Tensor) -> torch.Tensor:
        """(batch, tokens): positive part of the gradient of a score with respect to the attention
        weights, averaged over heads and queries."""
        values = self.attention.project(self.tokens)[2]
        of_heads = (gradient @ self.attention.weight).unflatten(-1, (values.shape[1], -1))
        of_weights = of_heads.transpose(1, 2) @ values.transpose(-2, -1)
        return of_weights.relu().mean((1, 2))


def to_texts(texts: torch.Tensor) -> Score:
    """The cosine of an embedding and each of `texts`, L2-normalised embeddings (prompts, width)."""
    return lambda embeddings: nn.functional.normalize(embeddings, dim=-1) @ texts.T


def heat(grids: torch.Tensor, size: tuple[int, int], pooled: bool) -> torch.Tensor:
    """Grids upsampled to `size` (height, width) and scaled to 0 to 1, each separately.

    As in the reference implementation, scaling follows upsampling, and precedes it for poolers.
    """

    def enlarged(maps: torch.Tensor) -> torch.Tensor:
        return interpolate(maps, size, mode="bilinear", align_corners=False)

    return enlarged(scaled(grids)) if pooled else scaled(enlarged(grids))


def scaled(maps: torch.Tensor) -> torch.Tensor:
    """Min-max scaling of each map (the last two dimensions) to 0 to 1; a constant map is 0."""
    low, high = maps.amin((-2, -1), keepdim=True), maps.amax((-2, -1), keepdim=True)
    return torch.where(high > low, (maps - low) / (high - low), 0.0)
