"""A small dense net on the embeddings of a pretrained backbone, which stays as it is."""

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

from stillact import networks, training
from stillact.config import MLPPlan
from stillact.prompts import class_embeddings, normalised
from stillact.recipes.jobs import Parts, Setup, load_parts


class Standardise(nn.Module):
    """Brings each of `width` features to mean 0 and standard deviation 1 on the training photos.

    The two are kept with the weights, so that these are all that it takes to predict.
    """

    def __init__(self, width: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))

    def fit(self, features: torch.Tensor) -> None:
        """Take them from features (photos, width); one that never changes is not scaled."""
        self.mean, self.deviation = features.mean(0), features.std(0)
        self.deviation[self.deviation == 0] = 1

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return (features - self.mean) / self.deviation


def setup(plan: MLPPlan, files: Mapping[str, Path], device: torch.device) -> Setup:
    """Networks that see L2-normalised embeddings, or similarities, which they standardise.

    A similarity is the cosine of the angle between a photo's embedding and a class's, times the
    model's logit scale; each is brought to mean 0 and standard deviation 1 on the training photos,
    for cosines as they come differ by some hundredths only, and nothing is learnt from them.

    Args:
        plan: features, layers, training.
        files: `embeddings` (npy) and `index`, the photos' embeddings and their rows (csv);
            `record`, the backbone's weights.json; for similarities `texts` (npy) and `texts_index`
            (csv), the prompts'.
        device: where all is put.
    """
    similarity = plan.features == "similarity"
    features = normalised(np.load(files["embeddings"]))
    if similarity:
        texts = class_embeddings(files["texts"], files["texts_index"], plan.classes)
        record = json.loads(files["record"].read_text(encoding="utf-8"))
        scale = record["facts"]["logit_scale"]
        features = scale * features @ texts.T
    width = features.shape[1]

    def parts(rows: pd.DataFrame) -> Parts:
        return load_parts(features, files["index"], rows, plan.classes, device)

    def network(train: training.Part | None) -> nn.Module:
        made = networks.mlp(width, plan.training.hidden, len(plan.classes), plan.training.dropout)
        if similarity:
            first = Standardise(width)
            if train is not None:
                first.fit(train.inputs)
            made = nn.Sequential(first, made)
        return made.to(device)

    embed = _embedder(files["record"], device)

    def inputs(photos: torch.Tensor) -> torch.Tensor:
        if similarity:
            return scale * embed(photos) @ torch.from_numpy(texts.T).to(device)
        return embed(photos)

    return Setup(parts, network, lambda inputs, training: inputs, inputs)


def _embedder(record: Path, device: torch.device) -> Callable[[torch.Tensor], torch.Tensor]:
    """Packed photos to L2-normalised embeddings (photos, width).

    The backbone is loaded when it is first asked for, and by a name: a training, whose photos have
    been embedded, needs neither its code (`code.closure`) nor its libraries.
    """

    @functools.cache
    def backbone() -> nn.Module:
        return importlib.import_module("stillact.backbones").from_record(record).to(device)

    def embed(photos: torch.Tensor) -> torch.Tensor:
        return normalize(backbone().encode_image(backbone().normalise(photos)), dim=1)

    return embed
