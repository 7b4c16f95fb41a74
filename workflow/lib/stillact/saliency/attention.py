"""Access to the attention of a backbone through hooks, and attention rollout.

The three libraries name the modules differently and do not expose their attention weights.
`anatomy` locates the modules through which tokens, values and outputs pass, so that hooks suffice:
the model is not patched or changed.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import linear

from stillact.core.errors import InputError
from stillact.models.backbones.base import Backbone

Heads = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


@dataclass(frozen=True, eq=False)
class Attention:
    """One multi-head attention module.

    inputs: the module that is called with the tokens attended to, (batch, tokens, width).
    outputs: the module whose output the attention adds to the residual stream.
    weight: of the output projection, (width, heads * head width).
    project: tokens to queries (scaled), keys and values, each (batch, heads, tokens, head width);
        for a pooler the queries are its latents.
    """

    inputs: nn.Module
    outputs: nn.Module
    weight: torch.Tensor
    project: Callable[[torch.Tensor], Heads]

    def weights(self, tokens: torch.Tensor) -> torch.Tensor:
        """Post-softmax attention, (batch, heads, queries, tokens)."""
        queries, keys, _ = self.project(tokens)
        return (queries @ keys.transpose(-2, -1)).softmax(-1)


@dataclass(frozen=True)
class Anatomy:
    """The modules of a vision transformer.

    blocks, attentions, norms: for each block the module, its attention, and its first norm.
    pooler: the attention that pools patches into an embedding (SigLIP), or None.
    patch: side of a patch, pixels.
    class_token: whether the embedding is computed from the first token.
    readout: output tokens of a block, (batch, tokens, width), to embeddings (batch, width), as
        LeGrad defines it for a layer: the mean over all tokens through the final norm and
        projection, or the pooler.
    """

    blocks: list[nn.Module]
    attentions: list[Attention]
    norms: list[nn.Module]
    pooler: Attention | None
    patch: int
    class_token: bool
    readout: Callable[[torch.Tensor], torch.Tensor]

    def patches(self, values: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
        """Select the values of an image's patches, (..., rows, columns), from those of its tokens,
        (..., tokens).

        Class and register tokens, if any, precede the patches.
        """
        rows, columns = (side // self.patch for side in images.shape[-2:])
        return values[..., -rows * columns :].unflatten(-1, (rows, columns))


def anatomy(backbone: Backbone) -> Anatomy:
    """The modules of the image tower.

    Raises:
        InputError: not a transformer, or an unsupported attention implementation.
    """
    if not backbone.blocks():
        raise InputError("it has no transformer blocks, so there is no attention to look at")
    image = backbone.image
    try:
        if hasattr(image, "trunk"):  # a timm model inside open_clip
            return _timm(image.trunk, image.head)
        if hasattr(image, "tower"):
            return _transformers(image)
        return _open_clip(image) if hasattr(image, "transformer") else _timm(image, nn.Identity())
    except AttributeError as error:
        raise InputError(f"its attention is of a kind that is not known here: {error}") from None


def _open_clip(image: nn.Module) -> Anatomy:
    blocks, pool = list(image.transformer.resblocks), image.attn_pool
    if pool is not None and image.attn_pool_contrastive is not None:
        raise AttributeError("it pools twice")

    def readout(tokens: torch.Tensor) -> torch.Tensor:
        pooled = tokens.mean(1) if pool is None else pool(tokens)[:, 0]
        return image.ln_post(pooled) @ image.proj

    return Anatomy(
        blocks,
        [_multihead(block.attn) for block in blocks],
        [block.ln_1 for block in blocks],
        None if pool is None else _multihead(pool.attn, lambda: pool.ln_q(pool.query)),
        image.patch_size[0],
        pool is None,
        readout,
    )


def _timm(trunk: nn.Module, head: nn.Module) -> Anatomy:
    blocks, pool = list(trunk.blocks), trunk.attn_pool

    def readout(tokens: torch.Tensor) -> torch.Tensor:
        # LeGrad's reference code for SigLIP passes tokens to the pooler without the final norm
        pooled = trunk.norm(tokens.mean(1)) if pool is None else trunk.pool(tokens)
        return head(trunk.head(trunk.fc_norm(pooled)))

    return Anatomy(
        blocks,
        [_fused(block.attn) for block in blocks],
        [block.norm1 for block in blocks],
        None if pool is None else _latent(pool),
        trunk.patch_embed.patch_size[0],
        trunk.global_pool == "token",
        readout,
    )


def _transformers(image: nn.Module) -> Anatomy:
    tower, kind = image.tower, image.tower.config.model_type
    if kind == "vit":
        blocks = list(tower.layers)
        attentions = [_separate(block.attention, block.attention.o_proj) for block in blocks]
        norms = [block.layernorm_before for block in blocks]
        patch = tower.config.patch_size

        def readout(tokens: torch.Tensor) -> torch.Tensor:
            return tower.layernorm(tokens.mean(1))

        return Anatomy(blocks, attentions, norms, None, patch, True, readout)
    blocks, patch = list(tower.encoder.layers), tower.config.patch_size
    attentions = [_separate(block.self_attn, block.self_attn.out_proj) for block in blocks]
    norms = [block.layer_norm1 for block in blocks]
    if hasattr(tower, "head"):
        pooler = _multihead(tower.head.attention, lambda: tower.head.probe)
        return Anatomy(blocks, attentions, norms, pooler, patch, False, tower.head)

    def projected(tokens: torch.Tensor) -> torch.Tensor:
        normed = tower.post_layernorm(tokens.mean(1))  # type: ignore[attr-defined]
        return image.projection(normed)

    return Anatomy(blocks, attentions, norms, None, patch, True, projected)


def _multihead(
    module: nn.MultiheadAttention, latents: Callable[[], torch.Tensor] | None = None
) -> Attention:
    """torch.nn.MultiheadAttention, which projects without calling a module: with `latents` or the
    tokens themselves as queries."""

    def project(tokens: torch.Tensor) -> Heads:
        queries = tokens if latents is None else latents().expand(len(tokens), -1, -1)
        matrices = (
            (module.q_proj_weight, module.k_proj_weight, module.v_proj_weight)
            if module.in_proj_weight is None  # keys of another width than queries
            else module.in_proj_weight.chunk(3)
        )
        parts = zip((queries, tokens, tokens), matrices, module.in_proj_bias.chunk(3), strict=True)
        return _scaled(*(_split(linear(x, w, b), module.num_heads) for x, w, b in parts))

    return Attention(module, module, module.out_proj.weight, project)


def _fused(module: nn.Module) -> Attention:
    """timm's attention: one layer for queries, keys and values."""
    if not isinstance(module.norm, nn.Identity) or module.gate is not None:
        raise AttributeError("its output is scaled before it is projected")

    def project(tokens: torch.Tensor) -> Heads:
        q, k, v = (_split(part, module.num_heads) for part in module.qkv(tokens).chunk(3, -1))
        return _scaled(module.q_norm(q), module.k_norm(k), v)

    return Attention(module.qkv, module.proj, module.proj.weight, project)


def _latent(module: nn.Module) -> Attention:
    """timm's AttentionPoolLatent."""

    def project(tokens: torch.Tensor) -> Heads:
        k, v = (_split(part, module.num_heads) for part in module.kv(tokens).chunk(2, -1))
        q = _split(module.q(module.latent.expand(len(tokens), -1, -1)), module.num_heads)
        return _scaled(module.q_norm(q), module.k_norm(k), v)

    return Attention(module.kv, module.proj, module.proj.weight, project)


def _separate(module: nn.Module, out: nn.Linear) -> Attention:
    """transformers' attention: separate layers for queries, keys and values."""

    def project(tokens: torch.Tensor) -> Heads:
        layers = module.q_proj, module.k_proj, module.v_proj
        heads = module.q_proj.out_features // module.head_dim
        return _scaled(*(_split(layer(tokens), heads) for layer in layers))

    return Attention(module.v_proj, out, out.weight, project)


def _split(tokens: torch.Tensor, heads: int) -> torch.Tensor:
    return tokens.unflatten(-1, (heads, -1)).transpose(1, 2)


def _scaled(queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> Heads:
    return queries * queries.shape[-1] ** -0.5, keys, values


def tokens_of(args: tuple) -> torch.Tensor:
    """The tokens attended to, from the arguments of `Attention.inputs`: torch's attention receives
    queries, keys and values, a linear layer its input."""
    return args[min(1, len(args) - 1)]


@contextlib.contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Set eval mode, and restore the mode of every submodule afterwards."""
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for part, mode in modes.items():
            part.training = mode


@torch.no_grad()
def rollout(backbone: Backbone, images: torch.Tensor) -> torch.Tensor:
    """Attention rollout (Abnar and Zuidema, arXiv 2005.00928): attention flow to the embedding.

    Each block's attention, averaged over heads, is averaged with the identity, which represents the
    residual connection, and the matrices of the blocks are multiplied. The row returned is that of
    the class token or of the pooler, or the mean over tokens where there is neither. The result
    does not depend on a class.

    Args:
        backbone: a transformer.
        images: normalised, float32 (batch, 3, height, width).

    Returns:
        (batch, rows, columns) of patches, 0 or more.

    Raises:
        InputError: as `anatomy`.
    """
    parts = anatomy(backbone)
    hooked = [*parts.attentions, *([parts.pooler] if parts.pooler else [])]
    tokens: dict[Attention, torch.Tensor] = {}
    with evaluating(backbone), contextlib.ExitStack() as hooks:
        for attention in hooked:

            def keep(module: nn.Module, args: tuple, of: Attention = attention) -> None:
                tokens[of] = tokens_of(args)

            hooks.callback(attention.inputs.register_forward_pre_hook(keep).remove)
        backbone.encode_image(images)
    mixed = [attention.weights(tokens[attention]).mean(1) for attention in hooked]
    flow = torch.eye(mixed[0].shape[-1], device=images.device)
    for step in mixed[: len(parts.attentions)]:
        flow = (step @ flow + flow) / 2
    if parts.pooler:
        pooling = mixed[-1]  # some poolers exclude the class token
        row = (pooling @ flow[:, -pooling.shape[-1] :])[:, 0]
    else:
        row = flow[:, 0] if parts.class_token else flow.mean(1)
    return parts.patches(row, images)
