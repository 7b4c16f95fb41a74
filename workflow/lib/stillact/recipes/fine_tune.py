"""A pretrained backbone with a new head, all of it trained."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn.functional import normalize

from stillact import augment, backbones
from stillact.config import FineTunePlan
from stillact.prompts import class_embeddings
from stillact.recipes.jobs import Parts, Setup, load_parts

# What the names of embeddings hold: of positions, of class and register tokens, pooling queries.
EMBEDDINGS = ("position", "pos_embed", "cls_token", "reg_token", "probe", "latent")


class Classifier(nn.Module):
    """A backbone's image tower and a linear head on its embedding.

    With a text head, as wise-ft builds it (arXiv 2109.01903), embeddings are L2-normalised and a
    class's row is its normalised text embedding times the logit scale, so that the untrained
    classifier is the zero-shot one.
    """

    def __init__(self, backbone: backbones.Backbone, head: nn.Linear, normalised: bool):
        super().__init__()
        self.backbone, self.head, self.normalised = backbone, head, normalised

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (batch, classes) of normalised images (batch, 3, size, size)."""
        return self.logits(self.backbone.encode_image(images))

    def logits(self, embeddings: torch.Tensor) -> torch.Tensor:
        """Logits (batch, classes) of the backbone's embeddings (batch, width)."""
        return self.head(normalize(embeddings, dim=1) if self.normalised else embeddings)


def setup(plan: FineTunePlan, files: Mapping[str, Path], device: torch.device) -> Setup:
    """Classifiers that all start from the backbone's own weights.

    Args:
        plan: start of the head, augmentations, training.
        files: `record`, the backbone's weights.json; `array` and `index`, the photos packed for it
            (npy) and their rows (csv); for a text head `texts` (npy) and `texts_index` (csv), the
            embeddings of the prompts.
        device: where all is put.
    """
    backbone = backbones.from_record(files["record"])
    backbone.text = None  # only the image tower is trained
    start = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    backbone.to(device, memory_format=torch.channels_last)  # convolutions are faster with it
    texts = _text_rows(plan, files, backbone.logit_scale) if plan.head == "text" else None
    change = augment.build(plan.augment, backbone.size)

    def network(_) -> nn.Module:
        backbone.load_state_dict(start)  # from memory: an earlier run has changed it
        head = _head(backbone.embedding_width, len(plan.classes), texts)
        return Classifier(backbone, head.to(device), normalised=texts is not None)

    def prepare(images: torch.Tensor, training: bool) -> torch.Tensor:
        if training and plan.augment:
            images = change(images.float() / 255) * 255
        return backbone.normalise(images).contiguous(memory_format=torch.channels_last)

    photos = np.load(files["array"], mmap_mode="r")

    def parts(rows: pd.DataFrame) -> Parts:
        return load_parts(photos, files["index"], rows, plan.classes, device)

    precision = plan.training.precision
    if precision == "auto":
        precision = "bf16" if device.type == "cuda" else "fp32"
    return Setup(
        parts,
        network,
        prepare,
        inputs=lambda photos: photos,
        groups=lambda made: groups(made, plan.training),
        precision=precision,
    )


def groups(network: Classifier, training) -> list[dict]:
    """The optimiser's groups: parameters of one layer, those that decay and those that do not.

    The head has the full learning rate, the layer below it that times `layer_decay`, and so on
    down to the patch embedding (as BEiT does, arXiv 2106.08254). Biases, norms and embeddings do
    not decay.

    Args:
        network: whose parameters.
        training: config.FineTune: weight_decay, layer_decay.

    Returns:
        params, names, scale (of the step size) and weight_decay of each group, from the head down.
    """
    above = network.backbone.last_layer + 1
    made: dict[tuple[int, bool], dict] = {}
    for name, parameter in network.named_parameters():
        below = name.removeprefix("backbone.")
        layer = above if below == name else network.backbone.layer_of(below)
        decays = parameter.ndim > 1 and not any(word in name for word in EMBEDDINGS)
        group = made.setdefault((-layer, not decays), {
            "params": [], "names": [],
            "scale": training.layer_decay ** (above - layer),
            "weight_decay": training.weight_decay if decays else 0.0,
        })  # fmt: skip
        group["params"].append(parameter)
        group["names"].append(name)
    return [made[key] for key in sorted(made)]


def _text_rows(plan: FineTunePlan, files: Mapping, logit_scale: float) -> torch.Tensor:
    texts = class_embeddings(files["texts"], files["texts_index"], plan.classes)
    return torch.from_numpy(texts) * logit_scale


def _head(width: int, classes: int, texts: torch.Tensor | None) -> nn.Linear:
    head = nn.Linear(width, classes, bias=texts is None)
    with torch.no_grad():
        if texts is not None:
            head.weight.copy_(texts)
        else:  # small, as ViTs start theirs: all classes begin alike
            nn.init.trunc_normal_(head.weight, std=0.02)
            nn.init.zeros_(head.bias)
    return head
