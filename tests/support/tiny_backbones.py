"""Backbones of the three libraries that are tiny and random: what the loaders read, in a folder."""

import functools
import json
from pathlib import Path

import numpy as np
import open_clip
import pandas as pd
import timm
import torch
import transformers
from safetensors.torch import save_file

from stillact.config.backbones import Backbone
from stillact.models.backbones import base, loading

SIZE, DEPTH, PATCH = 32, 2, 16  # pixels, blocks, pixels


def write(kind: str, folder: Path) -> dict[str, str]:
    """Write a backbone of EVERY into `folder`; returns its loader and name in the config."""
    folder.mkdir(parents=True)
    torch.manual_seed(7)
    return EVERY[kind](folder)


def load(kind: str, folder: Path) -> base.Backbone:
    """Write it, and load it as the workflow does."""
    block = Backbone(**write(kind, folder), weights=str(folder))
    return loading.load(block, folder)


def record(kind: str, folder: Path, **more) -> Path:
    """Write it below `folder`, and there its weights.json as rule fetch_weights leaves it."""
    path, place = folder / "weights.json", folder / kind
    block = write(kind, place)
    facts = loading.facts(loading.load(Backbone(**block, weights=str(place)), place))
    written = {"backbone": "tiny", "folder": str(place), **block, **more, "facts": facts}
    path.write_text(json.dumps(written))
    return path


def photos(
    classes: list[str], subsets: dict[str, int], darkest: int = 180, lighter: int = 40
) -> tuple[pd.DataFrame, np.ndarray]:
    """A split table (image_id, label, subset) and packed photos in its order: noise, of which a
    class has a colour lighter than the others have it, so that there is something to learn."""
    count = sum(subsets.values())
    split = pd.DataFrame({"image_id": [f"{i:02}" for i in range(count)]})
    split["label"] = [classes[i % 3] for i in range(count)]
    split["subset"] = [name for name, of in subsets.items() for _ in range(of)]
    packed = np.random.default_rng(0).integers(0, darkest, (count, SIZE, SIZE, 3), np.uint8)
    packed[np.arange(count), :, :, np.arange(count) % 3] += lighter
    return split, packed


def timm_vit(folder, **more):
    size = dict(img_size=SIZE, patch_size=PATCH, embed_dim=24, depth=DEPTH, num_heads=2, **more)
    model = timm.create_model("vit_tiny_patch16_224", num_classes=0, **size)
    save_file(model.state_dict(), folder / "model.safetensors")
    config = dict(architecture="vit_tiny_patch16_224", num_classes=0, model_args=size)
    grey = dict(mean=[0.5] * 3, std=[0.25] * 3)
    config["pretrained_cfg"] = dict(input_size=[3, SIZE, SIZE], crop_pct=1.0, num_classes=0, **grey)
    (folder / "config.json").write_text(json.dumps(config))
    return dict(loader="timm", name="local-dir:")


def open_clip_clip(folder):
    vision = dict(image_size=SIZE, patch_size=PATCH, width=24, head_width=12, layers=DEPTH)
    text = dict(context_length=24, vocab_size=49408, width=16, heads=2, layers=1)
    model = open_clip.CLIP(20, vision, text)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    config = dict(model_cfg=dict(embed_dim=20, vision_cfg=vision, text_cfg=text), preprocess_cfg={})
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    return dict(loader="open_clip", name="local-dir:")


def transformers_vit(folder):
    sizes = dict(hidden_size=24, num_hidden_layers=DEPTH, num_attention_heads=2)
    sizes |= dict(intermediate_size=48, image_size=SIZE, patch_size=PATCH)
    transformers.ViTModel(transformers.ViTConfig(**sizes)).save_pretrained(folder)
    transformers.ViTImageProcessor(size=dict(height=SIZE, width=SIZE)).save_pretrained(folder)
    return dict(loader="transformers", name="vit")


def open_clip_siglip(folder):
    """SigLIP as open_clip builds it, around a model of timm's."""
    vision = dict(image_size=SIZE, timm_model_name="test_vit", timm_pool="map", timm_proj="none")
    return _custom(folder, 64, vision)


def open_clip_pooler(folder):
    """SigLIP's pooling on open_clip's own tower."""
    vision = dict(image_size=SIZE, patch_size=PATCH, width=24, head_width=12, layers=DEPTH)
    vision |= dict(attentional_pool=True, attn_pooler_queries=1, attn_pooler_heads=2)
    return _custom(folder, 20, vision)


def _custom(folder, width, vision):
    text = dict(context_length=24, vocab_size=49408, width=16, heads=2, layers=1)
    model = open_clip.CustomTextCLIP(width, vision, text)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    settings = dict(embed_dim=width, vision_cfg=vision, text_cfg=text, custom_text=True)
    written = dict(model_cfg=settings, preprocess_cfg={})
    (folder / "open_clip_config.json").write_text(json.dumps(written))
    return dict(loader="open_clip", name="local-dir:")


def transformers_clip(folder):
    model = transformers.CLIPModel(transformers.CLIPConfig(**_two_towers(), projection_dim=20))
    model.save_pretrained(folder)
    side = dict(height=SIZE, width=SIZE)
    made = transformers.CLIPImageProcessor(size=dict(shortest_edge=SIZE), crop_size=side)
    made.save_pretrained(folder)
    return dict(loader="transformers", name="clip")


def transformers_siglip(folder):
    transformers.SiglipModel(transformers.SiglipConfig(**_two_towers())).save_pretrained(folder)
    transformers.SiglipImageProcessor(size=dict(height=SIZE, width=SIZE)).save_pretrained(folder)
    return dict(loader="transformers", name="siglip")


def _two_towers() -> dict[str, dict]:
    sizes = dict(hidden_size=24, num_hidden_layers=DEPTH, num_attention_heads=2)
    sizes |= dict(intermediate_size=48)
    text = dict(vocab_size=50, max_position_embeddings=8, eos_token_id=49, projection_size=24)
    return dict(
        vision_config=dict(**sizes, image_size=SIZE, patch_size=PATCH),
        text_config=sizes | text,
    )


TOWERS = {"timm": timm_vit, "open_clip": open_clip_clip, "transformers": transformers_vit}
EVERY = {
    **TOWERS,
    "timm_average": functools.partial(timm_vit, global_pool="avg", reg_tokens=2, qk_norm=True),
    "open_clip_siglip": open_clip_siglip,
    "open_clip_pooler": open_clip_pooler,
    "transformers_clip": transformers_clip,
    "transformers_siglip": transformers_siglip,
}
