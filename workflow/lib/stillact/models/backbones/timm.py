"""The loader of timm's models."""

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
    unknown,
)


def load(block: Block, folder: Path) -> Backbone:
    """Load the backbone of a config block of the loader timm, as for `loading.load`."""
    with without_compiler():
        import timm

    if block.name == LOCAL:
        require(folder, "config.json")
    elif not timm.is_model(block.name):
        unknown(block, timm.list_models())
    name = f"{LOCAL}{folder}" if block.name == LOCAL else block.name
    model = timm.create_model(name, pretrained=False, num_classes=0)
    (file,) = weights.weight_files(block, folder)
    got = weights.read(file)
    if block.tensors == "order":
        got = _by_order(timm, name, file, got)
    got = _without_classifier(got, model.pretrained_cfg.get("classifier"))
    weights.require_fit(file, name, *weights.differences(model.state_dict(), got))
    model.load_state_dict(got)
    data = timm.data.resolve_model_data_config(model)
    return Backbone(
        model,
        preprocessing(
            folder,
            data["input_size"][1:],
            data["crop_mode"],
            data["interpolation"],
            data["mean"],
            data["std"],
            data["crop_pct"],
        ),
        getattr(model, "head_hidden_size", None) or model.num_features,
        *_layers(timm, model),
    )


def _by_order(timm, name: str, file: Path, state: dict) -> dict:
    """Name the tensors of a file as the architecture, with its classifier, does."""
    if file.suffix not in weights.PICKLES:
        raise InputError(f"{file} keeps no order of its tensors; set tensors: name, or use a .pth")
    with torch.device("meta"):
        want = timm.create_model(name, pretrained=False).state_dict()
    pairs = list(zip(want.items(), state.values(), strict=False))
    reshaped = [(key, got.shape, w.shape) for (key, w), got in pairs if got.shape != w.shape]
    weights.require_fit(file, name, [*want][len(state) :], [*state][len(want) :], reshaped)
    return {key: got for (key, _), got in pairs}


def _without_classifier(state: dict, classifier: str | tuple[str, ...] | None) -> dict:
    names = (classifier,) if isinstance(classifier, str) else classifier or ()
    dropped = tuple(f"{name}." for name in names)
    return {key: tensor for key, tensor in state.items() if not key.startswith(dropped)}


def _layers(timm, model: nn.Module) -> tuple[str | None, dict[str, int]]:
    """Layers of a ViT as for the other loaders; otherwise timm's own groups, and no blocks: e.g. of
    DINOv3, which timm builds as an Eva, with rotary position embeddings in its attention."""
    if isinstance(model, timm.models.VisionTransformer):
        after = ("norm.", "fc_norm.", "attn_pool.", "head")
        return "blocks", layers(model, "blocks", after)
    return None, timm.models.group_parameters(model, model.group_matcher(), reverse=True)
