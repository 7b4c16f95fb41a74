"""The loader of transformers' models: CLIP, MetaCLIP 2, SigLIP, ViT and ViTPose."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from stillact.config.backbones import VITPOSE, Weights
from stillact.config.backbones import Backbone as Block
from stillact.core.errors import InputError
from stillact.models import weights
from stillact.models.backbones import vitpose
from stillact.models.backbones.base import (
    Backbone,
    image_processor,
    layers,
    preprocessing,
    require,
    tokenizer_there,
    unknown,
)


def load(block: Block, folder: Path) -> Backbone:
    """Load the backbone of a config block of the loader transformers, as for `loading.load`."""
    kinds = {"clip": _clip, "metaclip_2": _metaclip, "siglip": _siglip, "vit": _vit}
    kinds |= {VITPOSE: vitpose.of_transformers}
    if block.name not in kinds:
        unknown(block, kinds)
    options = {"add_pooling_layer": False} if block.name == "vit" else {}
    auto = "VitPoseForPoseEstimation" if block.name == VITPOSE else "AutoModel"
    model = pretrained(auto, block, folder, **options)
    return kinds[block.name](model, folder)


def pretrained(auto: str, block: Weights, folder: Path, **options: Any) -> nn.Module:
    """Load a model of transformers, in float32, whose weights must fit it.

    Args:
        auto: class of transformers that builds it, such as AutoModel.
        block: name, the type of the model.
        folder: location of its weights.
        options: of the class's from_pretrained.

    Raises:
        InputError: as for `loading.load`.
    """
    import transformers

    transformers.utils.logging.disable_progress_bar()
    require(folder, "config.json")
    config = transformers.AutoConfig.from_pretrained(folder)
    if config.model_type != block.name:
        raise InputError(
            f"{folder / 'config.json'}: the model is of type {config.model_type!r}, but its name "
            f"is {block.name!r}; use the type as the name"
        )
    for file in weights.weight_files(block, folder):
        weights.read(file)  # for its messages
    model, faults = getattr(transformers, auto).from_pretrained(
        folder,
        dtype=torch.float32,
        output_loading_info=True,
        ignore_mismatched_sizes=True,
        **options,
    )
    weights.require_fit(
        folder,
        block.name,
        sorted(faults["missing_keys"]),
        sorted(k for k in faults["unexpected_keys"] if not _unused(k, block.name)),
        sorted(faults["mismatched_keys"]),
    )
    return model


def _unused(key: str, name: str) -> bool:
    """Whether a file's tensor is one that the model does without: of a ViT the layers after the
    class token, which served the pre-training's classes."""
    return key.endswith("position_ids") or (
        name == "vit" and key.startswith(("pooler.", "classifier."))
    )


class _Pooled(nn.Module):
    """A tower of transformers that returns only its pooled output, projected for CLIP."""

    def __init__(self, tower: nn.Module, projection: nn.Module | None = None):
        super().__init__()
        self.tower, self.projection = tower, projection

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        pooled = self.tower(inputs).pooler_output
        return pooled if self.projection is None else self.projection(pooled)


def _clip(model: nn.Module, folder: Path, clean: Callable[[str], str] = str.lower) -> Backbone:
    image = _Pooled(model.vision_model, model.visual_projection)
    text = _Pooled(model.text_model, model.text_projection)
    return _contrastive(model, folder, image, text, model.config.projection_dim, clean)


def _metaclip(model: nn.Module, folder: Path) -> Backbone:
    return _clip(model, folder, clean=str)  # XLM-V's tokenizer knows upper case


def _siglip(model: nn.Module, folder: Path) -> Backbone:
    from open_clip.tokenizer import canonicalize_text

    image, text = _Pooled(model.vision_model), _Pooled(model.text_model)
    width = model.config.vision_config.hidden_size
    return _contrastive(model, folder, image, text, width, canonicalize_text)


def _contrastive(
    model: nn.Module, folder: Path, image, text, width: int, clean: Callable[[str], str]
) -> Backbone:
    """A model of photos and texts, without the parts needed only for training; with the width of
    its embeddings, and how its texts are cleaned."""
    blocks, after = "tower.encoder.layers", ("tower.post_layernorm.", "tower.head.", "projection.")
    length = model.config.text_config.max_position_embeddings
    return Backbone(
        image,
        _preprocessing(folder),
        width,
        blocks,
        layers(image, blocks, after),
        text,
        functools.cache(lambda: _tokenizer(folder, length, clean)),
        model.logit_scale.exp().item(),
    )


class _ClassToken(nn.Module):
    """A ViT of transformers that returns its class token after the final norm.

    Its pooler, a linear layer and tanh before the classes of the pre-training, is left out: ViT's
    paper (arXiv 2010.11929, section 3.1) and transformers' own classifier put a new head on the
    class token.
    """

    def __init__(self, tower: nn.Module):
        super().__init__()
        self.tower = tower

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.tower(inputs).last_hidden_state[:, 0]


def _vit(model: nn.Module, folder: Path) -> Backbone:
    image = _ClassToken(model)
    return Backbone(
        image,
        _preprocessing(folder),
        model.config.hidden_size,
        "tower.layers",
        layers(image, "tower.layers", ("tower.layernorm.",)),
    )


def _preprocessing(folder: Path) -> dict:
    processor = image_processor(folder)
    sides, way = _sides(processor)
    return preprocessing(
        folder,
        sides,
        way,
        {2: "bilinear", 3: "bicubic"}.get(int(processor.resample), str(processor.resample)),  # PIL
        processor.image_mean,
        processor.image_std,
    )


def _sides(processor) -> tuple[tuple[int, int], str]:
    """Output height and width of a processor of transformers, and open_clip's resize mode."""
    size, cropped = processor.size, getattr(processor, "do_center_crop", False)
    if cropped and size.shortest_edge == processor.crop_size.height:
        return (processor.crop_size.height, processor.crop_size.width), "shortest"
    whole = size.height and size.width and not cropped
    return (size.height, size.width), "squash" if whole else "crop"


def _tokenizer(
    folder: Path, length: int, clean: Callable[[str], str]
) -> Callable[[list[str]], torch.Tensor]:
    """Tokenise as the models were trained, padded on the right to full length, without a mask.

    CLIP's own tokenizer reads lower case. SigLIP and SigLIP2 are evaluated by their authors on
    texts in lower case without punctuation (big_vision, `prompt_engineering.canonicalize`); of
    transformers' tokenizers, SigLIP's does this by itself, and SigLIP2's pads on the left.
    """
    import transformers

    with tokenizer_there(folder):
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, padding_side="right")
    settings = dict(padding="max_length", truncation=True, max_length=length, return_tensors="pt")
    return lambda texts: tokenizer([clean(text) for text in texts], **settings)["input_ids"]
