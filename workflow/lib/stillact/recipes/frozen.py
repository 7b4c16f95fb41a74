"""Shared setup of the recipes on the embeddings of a frozen backbone."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn.functional import normalize

from stillact.core import arrays
from stillact.models.prompts import class_embeddings, normalised
from stillact.models.records import BackboneRecord, Facts
from stillact.training import loop
from stillact.training.jobs import Fit, Parts, Setup, load_parts

Array = np.ndarray | torch.Tensor


def setup(
    classes: list[str],
    files: Mapping[str, Path],
    device: torch.device,
    network: Callable[[loop.LabelledInputs | None], nn.Module],
    fit: Fit | None = None,
    see: Callable[[Array], Array] = lambda embeddings: embeddings,
) -> Setup:
    """Set up networks on L2-normalised embeddings, or on features derived from them by `see`.

    Args:
        classes: classes of the task.
        files: `embeddings` (npy) and `index`, the photos' embeddings and their rows (csv);
            `record`, the backbone's weights.json.
        device: device of inputs and networks.
        network, fit: as for `jobs.Setup`.
        see: function of embeddings (photos, width), an array or a tensor on the device.
    """
    features = see(normalised(arrays.load(files["embeddings"])))

    def inputs(photos: torch.Tensor, backbone: nn.Module) -> torch.Tensor:
        return see(normalize(backbone.encode_image(backbone.normalise(photos)), dim=1))

    def parts(rows: pd.DataFrame) -> Parts:
        return load_parts(features, files["index"], rows, classes, device)

    return Setup(
        parts,
        network,
        as_it_is,
        inputs,
        (facts(files).preprocessing,),
        files["record"],
        fit=fit,
    )


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
