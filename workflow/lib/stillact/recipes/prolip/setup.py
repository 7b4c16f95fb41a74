"""Training of the last projection of a pretrained image tower, with fixed class prompts (ProLIP,
arXiv 2410.05270)."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import torch
from torch import nn
from torch.nn.functional import normalize

from stillact.core import arrays
from stillact.recipes import frozen
from stillact.recipes.prolip.config import ProLIPPlan
from stillact.training import loop
from stillact.training.jobs import Parts, Setup, load_parts


class Projection(nn.Module):
    """Projection of features, and the similarity of the embeddings to each class's prompts.

    Untrained, it is the zero-shot classifier. The prompts are saved with the weights, so that
    prediction needs nothing else.
    """

    def __init__(self, start: torch.Tensor, prompts: torch.Tensor, photos_a_class: float):
        super().__init__()
        self.matrix = nn.Parameter(start.clone())
        self.photos_a_class = photos_a_class
        self.register_buffer("start", start.clone(), persistent=False)
        self.register_buffer("prompts", prompts.clone())

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Logits (batch, classes) of features (batch, unprojected width)."""
        return normalize(features @ self.matrix, dim=1) @ self.prompts.T

    def distance(self) -> torch.Tensor:
        """The squared Frobenius distance of the projection from its initial value."""
        return (self.matrix - self.start).square().sum()


def setup(plan: ProLIPPlan, files: Mapping[str, Path], device: torch.device) -> Setup:
    """Set up projections that start from the backbone's own.

    Args:
        plan: prompts, penalty, training.
        files: `features` (npy) and `index`, the input of the projection, one row per photo, and its
            rows (csv); `projection` (npy); `record`, the backbone's weights.json; `texts` (npy) and
            `texts_index` (csv), the embeddings of the prompts.
        device: device of inputs and networks.
    """
    features, start = (arrays.load(files[name]) for name in ("features", "projection"))
    prompts = frozen.text_rows(files, plan.classes)

    def parts(rows: pd.DataFrame) -> Parts:
        return load_parts(features, files["index"], rows, plan.classes, device)

    def network(train: loop.LabelledInputs | None) -> nn.Module:
        photos = 1 if train is None else len(train.labels) / len(plan.classes)
        return Projection(torch.from_numpy(start), prompts, photos).to(device)

    def features_of(photos: torch.Tensor, backbone: nn.Module) -> torch.Tensor:
        return backbone.encode_unprojected(backbone.normalise(photos))

    def penalty(network: nn.Module) -> torch.Tensor:
        return plan.training.penalty / network.photos_a_class * network.distance()

    return Setup(
        parts,
        network,
        frozen.as_it_is,
        features_of,
        (frozen.facts(files).preprocessing,),
        files["record"],
        embedding_precision=plan.precision,
        penalty=penalty,
    )
