"""The loader of timm's models."""

from pathlib import Path

from torch import nn

from stillact.config.backbones import Backbone as Block
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
    import timm

    if block.name == LOCAL:
        require(folder, "config.json")
    elif not timm.is_model(block.name):
        unknown(block, timm.list_models())
    name = f"{LOCAL}{folder}" if block.name == LOCAL else block.name
    model = timm.create_model(name, pretrained=False, num_classes=0)
    (file,) = weights.weight_files(block, folder)
    got = _without_classifier(weights.read(file), model.pretrained_cfg.get("classifier"))
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
