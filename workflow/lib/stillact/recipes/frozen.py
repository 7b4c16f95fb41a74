"""Shared setup of the recipes on the embeddings of a frozen backbone."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn.functional import normalize

from stillact.config.training import Views
from stillact.core import arrays
from stillact.models.prompts import class_embeddings, normalised
from stillact.models.records import BackboneRecord, Facts
from stillact.training import loop
from stillact.training.jobs import Fit, Parts, Setup, load_parts

WHOLE = Views()
Array = np.ndarray | torch.Tensor


def unchanged(embeddings: Array) -> Array:
    """Return embeddings unchanged."""
    return embeddings


def setup(
    classes: list[str],
    files: Mapping[str, Path],
    device: torch.device,
    network: Callable[[loop.LabelledInputs | None], nn.Module],
    fit: Fit | None = None,
    see: Callable[[Array], Array] = unchanged,
    views: Views = WHOLE,
    precision: str = "fp32",
) -> Setup:
    """Set up networks on L2-normalised embeddings, or on features derived from them by `see`.

    The embeddings of several views are concatenated, and scaled so that together they have a norm
    of 1 too.

    Args:
        classes: classes of the task.
        files: `embeddings` (npy) and `index`, the photos' embeddings and their rows (csv), with
            views one `embeddings_{view}` for each; `record`, the backbone's weights.json.
        device: device of inputs and networks.
        network, fit: as for `jobs.Setup`.
        see: function of embeddings (photos, width), an array or a tensor on the device.
        views: of a photo, and whether mirror images are averaged.
        precision: of the backbone, as for `loading.frozen`.
    """
    scale = len(views.sees) ** -0.5
    found = [normalised(arrays.load(files[name])) for name in embedded_in(files)]
    features = see(found[0] if len(found) == 1 else np.concatenate(found, 1) * np.float32(scale))

    def embedding(photos: torch.Tensor, backbone: nn.Module) -> torch.Tensor:
        one = normalize(backbone.encode_image(backbone.normalise(photos)), dim=1)
        if not views.mirror:
            return one
        mirrored = backbone.encode_image(backbone.normalise(photos.flip(-1)))
        return normalize(one + normalize(mirrored, dim=1), dim=1)

    def embeddings(photos: torch.Tensor, backbone: nn.Module) -> torch.Tensor:
        found = [embedding(view, backbone) for view in photos.split(3, dim=1)]
        return found[0] if len(found) == 1 else torch.cat(found, 1) * scale

    def parts(rows: pd.DataFrame) -> Parts:
        return load_parts(features, files["index"], rows, classes, device)

    return Setup(
        parts,
        network,
        as_it_is,
        embeddings,
        tuple(facts(files).preprocessing.view(view) for view in views.sees),
        files["record"],
        embedding_precision=precision,
        fit=fit,
        see=see,
    )


def embedded_in(files: Mapping[str, Path]) -> list[str]:
    """The names of the files with embeddings, in the order of the views."""
    return [name for name in files if name.split("_")[0] == "embeddings"]


def as_it_is(inputs: torch.Tensor, training: bool) -> torch.Tensor:
    """Return embeddings unchanged."""
    return inputs


def text_rows(files: Mapping[str, Path], classes: list[str]) -> torch.Tensor:
    """Weights of a zero-shot classifier on L2-normalised embeddings, float32 (classes, width): the
    normalised embedding of each class's prompts times the model's logit scale.

    Args:
        files: `texts` (npy) and `texts_index` (csv), the embeddings of the prompts; `record`.
        classes: classes of the task.
    """
    rows = class_embeddings(files["texts"], files["texts_index"], classes)
    return torch.from_numpy(rows) * facts(files).logit_scale


def facts(files: Mapping[str, Path]) -> Facts:
    """Read the metadata in the backbone's `record`, without loading the weights."""
    return BackboneRecord.read(files["record"]).facts
