"""A small MLP on the embeddings of a frozen pretrained backbone."""

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


def setup(plan: MLPPlan, files: Mapping[str, Path], device: torch.device) -> Setup:
    """Set up networks on L2-normalised embeddings, or on standardised similarities.

    A similarity is the cosine similarity of a photo's embedding and a class's, times the model's
    logit scale; each is scaled to mean 0 and standard deviation 1 on the training photos, since raw
    cosines differ by only some hundredths, too little to learn from.

    Args:
        plan: features, layers, training.
        files: as for `frozen.setup`; for similarities `texts` (npy) and `texts_index` (csv), the
            prompts' embeddings.
        device: device of inputs and networks.
    """
    similarity = plan.features == "similarity"
    facts = frozen.facts(files)
    width = facts.embedding_width * len(plan.sees)
    if similarity:
        width, scale = len(plan.classes), facts.logit_scale
        texts = class_embeddings(files["texts"], files["texts_index"], plan.classes).T

    def network(train: loop.LabelledInputs | None) -> nn.Module:
        model = networks.mlp(width, plan.training.hidden, len(plan.classes), plan.training.dropout)
        if similarity:
            first = networks.Standardise(width)
            if train is not None:
                first.fit(train.inputs)
            model = nn.Sequential(first, model)
        return model.to(device)

    def similarities(embeddings: frozen.Array) -> frozen.Array:
        by_class = texts
        if isinstance(embeddings, torch.Tensor):
            by_class = torch.from_numpy(texts).to(device)
        return scale * embeddings @ by_class

    see = similarities if similarity else frozen.unchanged
    how = dict(views=plan, precision=plan.precision)
    return frozen.setup(plan.classes, files, device, network, see=see, **how)
