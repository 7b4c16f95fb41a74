"""The loader of open_clip's models."""

import functools
import json
from pathlib import Path

import torch
from torch import nn

from stillact.config.backbones import Backbone as Block
from stillact.core.errors import InputError
from stillact.core.imports import without_compiler
from stillact.models import weights
from stillact.models.backbones.base import (
    LOCAL,
    Backbone,
    layers,
    preprocessing,
    require,
    tokenizer_there,
    unknown,
)

CONFIG = "open_clip_config.json"


def load(block: Block, folder: Path) -> Backbone:
    """Load the backbone of a config block of the loader open_clip, as for `loading.load`."""
    with without_compiler():
        import open_clip

    name = _name(open_clip, block, folder)
    model = open_clip.create_model(
        name,
        load_weights=False,
        pretrained_text=False,
        force_preprocess_cfg=_preprocessing(open_clip, name, folder),
    )
    image = model.visual
    blocks = "trunk.blocks" if hasattr(image, "trunk") else "transformer.resblocks"
    if isinstance(image, open_clip.model.ModifiedResNet):
        raise InputError(f"{block.name}: a ResNet has no transformer blocks; use a ViT")
    (file,) = weights.weight_files(block, folder)
    _load_checkpoint(open_clip, model, file, block.name)
    after = ("trunk.norm.", "trunk.fc_norm", "trunk.attn_pool", "trunk.head", "head.")
    after += ("ln_post.", "proj", "attn_pool")
    settings = image.preprocess_cfg
    has_config = (folder / CONFIG).is_file()
    tokenizer_name = f"{LOCAL}{folder}" if has_config else name
    tokenizer = functools.cache(lambda: _tokenizer(open_clip, tokenizer_name, folder))
    del model.visual  # the rest encodes text
    return Backbone(
        image,
        preprocessing(
            folder,
            open_clip.transform.to_2tuple(image.image_size),
            settings["resize_mode"],
            settings["interpolation"],
            settings["mean"],
            settings["std"],
        ),
        open_clip.get_model_config(name)["embed_dim"],
        blocks,
        layers(image, blocks, after),
        _Text(model),
        tokenizer,
        model.logit_scale.exp().item(),
    )


def _tokenizer(open_clip, name: str, folder: Path):
    with tokenizer_there(folder):
        return open_clip.get_tokenizer(name)


class _Text(nn.Module):
    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.model.encode_text(tokens)


def _name(open_clip, block: Block, folder: Path) -> str:
    """The model's name in open_clip. The activation is checked too, as weights fit a wrong one."""
    if block.name == LOCAL:
        require(folder, CONFIG)
        return f"{LOCAL}{folder}"
    if block.name not in open_clip.list_models():
        unknown(block, open_clip.list_models())
    if (folder / CONFIG).is_file():
        names = (block.name, f"{LOCAL}{folder}")
        named, saved = (open_clip.get_model_config(n).get("quick_gelu", False) for n in names)
        if named != saved:
            raise InputError(
                f"{folder / CONFIG}: quick_gelu, the activation, is {saved}, but {named} "
                f"for {block.name}; use the name with -quickgelu if it is True, else without"
            )
    return block.name


def _preprocessing(open_clip, name: str, folder: Path) -> dict:
    """The preprocessing of the folder's config, or else of the weights published for the name."""
    if (folder / CONFIG).is_file():
        saved = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        return saved.get("preprocess_cfg", {})
    tags = open_clip.list_pretrained_tags_by_model(name)
    return open_clip.get_pretrained_cfg(name, tags[0]) if tags else {}


def _load_checkpoint(open_clip, model: nn.Module, file: Path, name: str) -> None:
    want, got = model.state_dict(), weights.read(file)
    missing, unexpected, reshaped = weights.differences(want, got)
    # open_clip would silently resample position embeddings of another size
    weights.require_fit(file, name, [], [], [row for row in reshaped if "logit" not in row[0]])
    try:
        open_clip.load_checkpoint(model, str(file))
    except RuntimeError:
        weights.require_fit(file, name, missing, unexpected, [])
        raise
