"""Loading of pretrained image (and text) encoders of three libraries with a common interface."""

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import torch

from stillact.config.backbones import Backbone as Block
from stillact.core.errors import InputError
from stillact.models.backbones import blazepose, open_clip, timm, timm_pose, transformers
from stillact.models.backbones.base import Backbone
from stillact.models.precision import BF16, FP32, resolved
from stillact.models.records import BackboneRecord


def load(block: Block, folder: Path) -> Backbone:
    """Load the backbone of a config block, in eval mode, on the CPU, in float32, without the hub.

    Args:
        block: loader and name.
        folder: location of its weights (`weights.place`): a folder, or a file.

    Raises:
        InputError: an unknown name (with the closest known one), missing weights, weights that do
            not fit (with the keys), damaged weights, pickles with more than tensors.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"  # read when the libraries are imported
    loaders = {
        "open_clip": open_clip.load,
        "transformers": transformers.load,
        "timm": timm.load,
        "blazepose": blazepose.load,
        "timm_pose": timm_pose.load,
    }
    if not folder.exists():
        raise InputError(f"{folder}: no weights of {block.name} there; run rule fetch_weights")
    with _quiet():
        return loaders[block.loader](block, folder).eval()


def from_record(path: Path) -> Backbone:
    """Load the backbone of a record of rule fetch_weights (weights.json), as by `load`."""
    record = BackboneRecord.read(path)
    block = Block(
        loader=record.loader, name=record.name, weights=record.folder, tensors=record.tensors
    )
    return load(block, Path(record.folder))


def frozen(path: Path, device: torch.device, precision: str = FP32) -> Backbone:
    """Load the backbone of a record to compute features that are not trained.

    Args:
        path: weights.json.
        device: to compute on.
        precision: as for `converted`.
    """
    return converted(from_record(path).to(device), precision)


def converted(backbone: Backbone, precision: str) -> Backbone:
    """The backbone, whose image tower is converted to compute in a precision.

    bfloat16 serves transformers, whose embeddings differ from those in float32 by a cosine of
    .9998 or more; those of EfficientNet-Lite0 by .993 (docs/machines.md).

    Args:
        backbone: on the device to compute on.
        precision: "fp32", "bf16", or "auto": bf16 where the device is faster in it, for
            transformers.
    """
    device = next(backbone.image.parameters()).device
    if resolved(precision, device, suits=bool(backbone.blocks())) == BF16:
        backbone.image.bfloat16()
    return backbone


def facts(backbone: Backbone) -> dict:
    """Metadata of a backbone, ready for JSON, so that it need not be loaded again."""
    names = ("size", "geometry", "interpolation", "crop", "mean", "std", "embedding_width")
    names += ("logit_scale", "has_text", "projects")
    return {
        **{name: getattr(backbone, name) for name in names},
        "image_parameters": sum(p.numel() for p in backbone.image.parameters()),
        "blocks": len(backbone.blocks()),
    }


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Suppress warnings of the libraries, such as that weights are random before loading."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
