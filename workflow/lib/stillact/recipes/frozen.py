"""What the recipes on a pretrained backbone's embeddings share; the backbone stays as it is."""

import functools
import importlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn.functional import normalize

from stillact.models.prompts import class_embeddings, normalised
from stillact.training import loop
from stillact.training.jobs import Fit, Parts, Setup, load_parts

Array = np.ndarray | torch.Tensor


def setup(
    classes: list[str],
    files: Mapping[str, Path],
    device: torch.device,
    network: Callable[[loop.Part | None], nn.Module],
    fit: Fit | None = None,
    see: Callable[[Array], Array] = lambda embeddings: embeddings,
) -> Setup:
    """Networks that see L2-normalised embeddings, or what `see` makes of them.

    Args:
        classes: of the task.
        files: `embeddings` (npy) and `index`, the photos' embeddings and their rows (csv);
            `record`, the backbone's weights.json.
        device: where all is put.
        network, fit: as for `jobs.Setup`.
        see: of embeddings (photos, width), an array or a tensor on the device.
    """
    features = see(normalised(np.load(files["embeddings"])))
    embed = embedder(files["record"], device)

    def parts(rows: pd.DataFrame) -> Parts:
        return load_parts(features, files["index"], rows, classes, device)

    return Setup(parts, network, as_it_is, lambda photos: see(embed(photos)), fit=fit)


def as_it_is(inputs: torch.Tensor, training: bool) -> torch.Tensor:
    """Embeddings need no preparing."""
    return inputs


def text_rows(files: Mapping[str, Path], classes: list[str]) -> torch.Tensor:
    """What a classifier by prompts multiplies L2-normalised embeddings with, float32 (classes,
    width): the normalised embedding of each class's prompts times the model's logit scale.

    Args:
        files: `texts` (npy) and `texts_index` (csv), the embeddings of the prompts; `record`.
        classes: of the task.
    """
    rows = class_embeddings(files["texts"], files["texts_index"], classes)
    return torch.from_numpy(rows) * fact(files, "logit_scale")


def fact(files: Mapping[str, Path], name: str):
    """What the `record` of the backbone says of it (`backbones.facts`); loads nothing."""
    return json.loads(files["record"].read_text(encoding="utf-8"))["facts"][name]


def loader(record: Path, device: torch.device) -> Callable[[], nn.Module]:
    """Gives the backbone of a weights.json.

    It is loaded when it is first asked for, and by a name: a training, whose photos have been
    embedded, needs neither its code (`code.closure`) nor its libraries.
    """

    @functools.cache
    def backbone() -> nn.Module:
        return importlib.import_module("stillact.models.backbones").from_record(record).to(device)

    return backbone


def embedder(record: Path, device: torch.device) -> Callable[[torch.Tensor], torch.Tensor]:
    """Packed photos to L2-normalised embeddings (photos, width); the backbone is `loader`'s."""
    backbone = loader(record, device)

    def embed(photos: torch.Tensor) -> torch.Tensor:
        return normalize(backbone().encode_image(backbone().normalise(photos)), dim=1)

    return embed
