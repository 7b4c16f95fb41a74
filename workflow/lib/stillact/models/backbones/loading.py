"""Pretrained image (and text) encoders of three libraries, loaded behind one interface."""

import contextlib
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from stillact.config.backbones import Backbone as Block
from stillact.core.errors import InputError
from stillact.models.backbones import open_clip, timm, transformers
from stillact.models.backbones.base import Backbone


def load(block: Block, folder: Path) -> Backbone:
    """The backbone of a config block, in eval mode, on the CPU, in float32. Asks no hub.

    Args:
        block: loader and name.
        folder: where its weights are (`weights.place`): a folder, or a file.

    Raises:
        InputError: an unknown name (with the nearest known), nothing to load, weights that do not
            fit (which keys), damaged ones, pickles that hold more than tensors.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"  # read when the libraries are imported
    loaders = {"open_clip": open_clip.load, "transformers": transformers.load, "timm": timm.load}
    if not folder.exists():
        raise InputError(f"{folder}: no weights of {block.name} there; have rule fetch_weights run")
    with _quiet():
        return loaders[block.loader](block, folder).eval()


def from_record(path: Path) -> Backbone:
    """The backbone that a record of rule fetch_weights (weights.json) is about, as from `load`."""
    record = json.loads(path.read_text(encoding="utf-8"))
    block = Block(loader=record["loader"], name=record["name"], weights=record["folder"])
    return load(block, Path(record["folder"]))


def facts(backbone: Backbone) -> dict:
    """What can be said of a backbone without loading it again; goes into JSON as it is."""
    names = ("size", "geometry", "interpolation", "crop", "mean", "std", "embedding_width")
    names += ("logit_scale", "has_text", "projects")
    return {
        **{name: getattr(backbone, name) for name in names},
        "image_parameters": sum(p.numel() for p in backbone.image.parameters()),
        "blocks": len(backbone.blocks()),
    }


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the libraries' remarks, such as that weights are random before they are loaded."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
