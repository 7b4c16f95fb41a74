"""A small dense net on the embeddings of a pretrained backbone, which stays as it is."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from stillact.models import networks
from stillact.models.prompts import class_embeddings
from stillact.recipes import frozen
from stillact.recipes.mlp.config import MLPPlan
from stillact.training import loop
from stillact.training.jobs import Setup


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
        files: as for `embedded.setup`; for similarities `texts` (npy) and `texts_index` (csv), the
            prompts' embeddings.
        device: where all is put.
    """
    similarity = plan.features == "similarity"
    width = frozen.fact(files, "embedding_width")
    if similarity:
        width, scale = len(plan.classes), frozen.fact(files, "logit_scale")
        texts = class_embeddings(files["texts"], files["texts_index"], plan.classes).T

    def network(train: loop.LabelledInputs | None) -> nn.Module:
        made = networks.mlp(width, plan.training.hidden, len(plan.classes), plan.training.dropout)
        if similarity:
            first = Standardise(width)
            if train is not None:
                first.fit(train.inputs)
            made = nn.Sequential(first, made)
        return made.to(device)

    def similarities(embeddings: frozen.Array) -> frozen.Array:
        by_class = texts
        if isinstance(embeddings, torch.Tensor):
            by_class = torch.from_numpy(texts).to(device)
        return scale * embeddings @ by_class

    if not similarity:
        return frozen.setup(plan.classes, files, device, network)
    return frozen.setup(plan.classes, files, device, network, see=similarities)
