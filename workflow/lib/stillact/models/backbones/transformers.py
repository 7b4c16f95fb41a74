"""The loader of transformers' models: CLIP, SigLIP and ViT."""

import functools
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from stillact.config.backbones import Backbone as Block
from stillact.core.errors import InputError
from stillact.models import weights
from stillact.models.backbones.base import (
    Backbone,
    layers,
    preprocessing,
    require,
    tokenizer_there,
    unknown,
)


def load(block: Block, folder: Path) -> Backbone:
    """The backbone of a config block of the loader transformers, as for `loading.load`."""
    import transformers

    kinds = {"clip": _clip, "siglip": _siglip, "vit": _vit}
    if block.name not in kinds:
        unknown(block, kinds)
    transformers.utils.logging.disable_progress_bar()
    require(folder, "config.json")
    config = transformers.AutoConfig.from_pretrained(folder)
    if config.model_type != block.name:
        raise InputError(
            f"{folder / 'config.json'}: holds a model of type {config.model_type!r}, and the "
            f"backbone's name is {block.name!r}; write the type as its name"
        )
    for file in weights.weight_files(block, folder):
        weights.read(file)  # for its messages
    model, faults = transformers.AutoModel.from_pretrained(
        folder, dtype=torch.float32, output_loading_info=True, ignore_mismatched_sizes=True
    )
    weights.require_fit(
        folder,
        block.name,
        sorted(faults["missing_keys"]),
        sorted(k for k in faults["unexpected_keys"] if not k.endswith("position_ids")),
        sorted(faults["mismatched_keys"]),
    )
    return kinds[block.name](model, folder)


class _Pooled(nn.Module):
    """A tower of transformers: returns its pooled output alone, projected where CLIP does so."""

    def __init__(self, tower: nn.Module, projection: nn.Module | None = None):
        super().__init__()
        self.tower, self.projection = tower, projection

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        pooled = self.tower(inputs).pooler_output
        return pooled if self.projection is None else self.projection(pooled)


def _clip(model: nn.Module, folder: Path) -> Backbone:
    image = _Pooled(model.vision_model, model.visual_projection)
    text = _Pooled(model.text_model, model.text_projection)
    return _contrastive(model, folder, image, text, model.config.projection_dim)


def _siglip(model: nn.Module, folder: Path) -> Backbone:
    image, text = _Pooled(model.vision_model), _Pooled(model.text_model)
    return _contrastive(model, folder, image, text, model.config.vision_config.hidden_size)


def _contrastive(model: nn.Module, folder: Path, image, text, embedding_width: int) -> Backbone:
    """A model of photos and texts, without what only training needs of it."""
    blocks, after = "tower.encoder.layers", ("tower.post_layernorm.", "tower.head.", "projection.")
    length = model.config.text_config.max_position_embeddings
    return Backbone(
        image,
        _preprocessing(folder),
        embedding_width,
        blocks,
        layers(image, blocks, after),
        text,
        functools.cache(lambda: _tokenizer(folder, length)),
        model.logit_scale.exp().item(),
    )


def _vit(model: nn.Module, folder: Path) -> Backbone:
    """Its pooler is what the classifier of pre-training saw: class token, dense layer, tanh."""
    image = _Pooled(model)
    return Backbone(
        image,
        _preprocessing(folder),
        model.config.pooler_output_size,
        "tower.layers",
        layers(image, "tower.layers", ("tower.layernorm.", "tower.pooler.")),
    )


def _preprocessing(folder: Path) -> dict:
    import transformers

    try:
        made = transformers.AutoImageProcessor.from_pretrained(folder)
    except OSError as error:
        raise InputError(f"{folder}: no preprocessor_config.json; copy the model's own") from error
    sides, way = _sides(made)
    return preprocessing(
        folder,
        sides,
        way,
        {2: "bilinear", 3: "bicubic"}.get(int(made.resample), str(made.resample)),  # PIL numbers
        made.image_mean,
        made.image_std,
    )


def _sides(made) -> tuple[tuple[int, int], str]:
    """Height and width that a processor of transformers ends at, and how, in open_clip's words."""
    size, cropped = made.size, getattr(made, "do_center_crop", False)
    if cropped and size.shortest_edge == made.crop_size.height:
        return (made.crop_size.height, made.crop_size.width), "shortest"
    whole = size.height and size.width and not cropped
    return (size.height, size.width), "squash" if whole else "crop"


def _tokenizer(folder: Path, length: int) -> Callable[[list[str]], torch.Tensor]:
    """Text as SigLIP was trained on it: lower case, padded to full length, without a mask; to CLIP,
    which looks at nothing behind the text's end, padding and case are the same."""
    import transformers

    with tokenizer_there(folder):
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    settings = dict(padding="max_length", truncation=True, max_length=length, return_tensors="pt")
    return lambda texts: tokenizer([t.lower() for t in texts], **settings)["input_ids"]
