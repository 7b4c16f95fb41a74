"""A small dense net on the embeddings of a pretrained backbone, which stays as it is."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from stillact import networks
from stillact.config import MLPPlan
from stillact.prompts import class_embeddings, normalised
from stillact.recipes.jobs import Parts, Setup, load_parts


def setup(plan: MLPPlan, files: Mapping[str, Path], device: torch.device) -> Setup:
    """Networks that see L2-normalised embeddings, or standardised similarities.

    A similarity is the cosine of the angle between a photo's embedding and a class's, times the
    model's logit scale; each is brought to mean 0 and standard deviation 1 on the training photos,
    for cosines as they come differ by some hundredths only, and nothing is learnt from them.

    Args:
        plan: features, layers, training.
        files: `embeddings` (npy) and `index`, the photos' embeddings and their rows (csv); for
            similarities `texts` (npy) and `texts_index` (csv), the prompts', and `record`, the
            backbone's weights.json.
        device: where all is put.
    """
    features = normalised(np.load(files["embeddings"]))
    if plan.features == "similarity":
        features = _similarities(features, plan.classes, files)
    width = features.shape[1]

    def parts(rows: pd.DataFrame) -> Parts:
        made = load_parts(features, files["index"], rows, plan.classes, device)
        return _standardised(made) if plan.features == "similarity" else made

    def network() -> nn.Module:
        made = networks.mlp(width, plan.training.hidden, len(plan.classes), plan.training.dropout)
        return made.to(device)

    return Setup(parts, network, prepare=lambda inputs, training: inputs)


def _similarities(images: np.ndarray, classes: list[str], files: Mapping) -> np.ndarray:
    texts = class_embeddings(files["texts"], files["texts_index"], classes)
    scale = json.loads(files["record"].read_text(encoding="utf-8"))["facts"]["logit_scale"]
    return np.float32(scale) * images @ texts.T


def _standardised(parts: Parts) -> Parts:
    seen = parts["train"][0].inputs
    mean, deviation = seen.mean(0), seen.std(0)
    deviation[deviation == 0] = 1
    return {
        subset: (replace(part, inputs=(part.inputs - mean) / deviation), table)
        for subset, (part, table) in parts.items()
    }
