"""Backbones of the three libraries that are tiny and random: what the loaders read, in a folder."""

import json
from pathlib import Path

import open_clip
import timm
import torch
import transformers
from safetensors.torch import save_file

SIZE, DEPTH, PATCH = 32, 2, 16  # pixels, blocks, pixels


def write(kind: str, folder: Path) -> dict[str, str]:
    """Write a backbone of TOWERS into `folder`; returns its loader and name in the config."""
    folder.mkdir(parents=True)
    torch.manual_seed(7)
    return TOWERS[kind](folder)


def timm_vit(folder):
    size = dict(img_size=SIZE, patch_size=PATCH, embed_dim=24, depth=DEPTH, num_heads=2)
    model = timm.create_model("vit_tiny_patch16_224", num_classes=0, **size)
    save_file(model.state_dict(), folder / "model.safetensors")
    config = dict(architecture="vit_tiny_patch16_224", num_classes=0, model_args=size)
    grey = dict(mean=[0.5] * 3, std=[0.25] * 3)
    config["pretrained_cfg"] = dict(input_size=[3, SIZE, SIZE], crop_pct=1.0, num_classes=0, **grey)
    (folder / "config.json").write_text(json.dumps(config))
    return dict(loader="timm", name="local-dir:")


def open_clip_clip(folder):
    vision = dict(image_size=SIZE, patch_size=PATCH, width=24, head_width=12, layers=DEPTH)
    text = dict(context_length=8, vocab_size=49408, width=16, heads=2, layers=1)
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


TOWERS = {"timm": timm_vit, "open_clip": open_clip_clip, "transformers": transformers_vit}
