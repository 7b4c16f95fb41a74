"""A pretrained backbone with a new head, all of it trained."""

import functools
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn.functional import normalize

from stillact.models.backbones import base, loading
from stillact.models.records import BackboneRecord
from stillact.recipes import frozen
from stillact.recipes.fine_tune.config import FineTune, FineTunePlan
from stillact.training import augment, loop
from stillact.training.jobs import Parts, Setup, load_parts

# What the names of embeddings hold: of positions, of class and register tokens, pooling queries.
EMBEDDINGS = ("position", "pos_embed", "cls_token", "reg_token", "probe", "latent", "token_embed")


class Classifier(nn.Module):
    """A backbone's image tower and a linear head on its embedding.

    With a text head, as wise-ft builds it (arXiv 2109.01903), embeddings are L2-normalised and a
    class's row is its normalised text embedding times the logit scale, so that the untrained
    classifier is the zero-shot one. With a linear probe as its head (LP-FT, arXiv 2202.10054)
    embeddings are L2-normalised too, and the untrained classifier is the probe.
    """

    def __init__(self, backbone: base.Backbone, head: nn.Module, normalised: bool):
        super().__init__()
        self.backbone, self.head, self.normalised = backbone, head, normalised
        self.chosen: dict[str, float] = {}  # for the head's start

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (batch, classes) of normalised images (batch, 3, size, size)."""
        return self.logits(self.backbone.encode_image(images))

    def logits(self, embeddings: torch.Tensor) -> torch.Tensor:
        """Logits (batch, classes) of the backbone's embeddings (batch, width)."""
        return self.head(normalize(embeddings, dim=1) if self.normalised else embeddings)


class TextTowerHead(nn.Module):
    """Classes by their prompts as the text tower embeds them now, which is trained with the rest
    (FLYP, arXiv 2212.00638, its contrast taken over the classes in place of the batch).

    At its start it is the text head of `Classifier`.
    """

    def __init__(self, backbone: base.Backbone, texts: dict[str, list[str]]):
        super().__init__()
        self.text, self.scale = backbone.text, backbone.logit_scale
        share = torch.block_diag(*(torch.full((1, len(of)), 1 / len(of)) for of in texts.values()))
        self.register_buffer("share", share, persistent=False)  # (classes, texts)
        tokens = backbone.tokenize([text for of in texts.values() for text in of])
        self.register_buffer("tokens", tokens, persistent=False)

    def forward(self, embeddings: torch.Tensor) -> torch.Tensor:
        """Logits (batch, classes) of L2-normalised embeddings (batch, width)."""
        of_classes = self.share @ normalize(self.text(self.tokens), dim=1)
        return self.scale * embeddings @ normalize(of_classes, dim=1).T


def setup(plan: FineTunePlan, files: Mapping[str, Path], device: torch.device) -> Setup:
    """Classifiers that all start from the backbone's own weights.

    Args:
        plan: start of the head, augmentations, training.
        files: `record`, the backbone's weights.json; `array` and `index`, the photos packed for it
            (npy) and their rows (csv); for a text head `texts` (npy) and `texts_index` (csv), the
            embeddings of the prompts.
        device: where all is put.
    """
    backbone = loading.from_record(files["record"])
    tower = TextTowerHead(backbone, plan.texts) if plan.head == "text_tower" else None
    backbone.text = None  # the image tower alone, but for that head
    towers = nn.ModuleList([backbone, *filter(None, [tower])])
    start = {name: tensor.clone() for name, tensor in towers.state_dict().items()}
    towers.to(device, memory_format=torch.channels_last)  # convolutions are faster with it
    change = augment.build(plan.augment, backbone.size)

    def network(train: loop.LabelledInputs | None) -> nn.Module:
        towers.load_state_dict(start)  # from memory: an earlier run has changed it
        made = Classifier(backbone, tower or head().to(device), normalised=plan.head != "random")
        if plan.head == "probe" and train is not None:
            found = probed(train)
            _set(made.head, torch.from_numpy(found.weight), torch.from_numpy(found.bias))
            made.chosen = {"c": found.c}
        return made

    def head() -> nn.Linear:
        made = nn.Linear(backbone.embedding_width, len(plan.classes), bias=plan.head != "text")
        if plan.head == "text":
            _set(made, frozen.text_rows(files, plan.classes))
        elif plan.head == "random":  # small, as ViTs start theirs: all classes begin alike
            nn.init.trunc_normal_(made.weight, std=0.02)
            nn.init.zeros_(made.bias)
        return made

    @functools.lru_cache(1)  # seeds share their photos, and the backbone is at its start
    def probed(train: loop.LabelledInputs):
        from stillact.models import probe  # scikit-learn, which no other head needs

        features = loop.predict(backbone.image, train.inputs, prepare)
        features, labels = normalize(features, dim=1).cpu().numpy(), train.labels.cpu().numpy()
        return probe.fit(features, labels, len(plan.classes), plan.probe)

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
        inputs=lambda photos, _: photos,
        preprocessing=BackboneRecord.read(files["record"]).facts.preprocessing,
        groups=lambda made: groups(made, plan.training),
        precision=precision,
    )


def groups(network: Classifier, settings: FineTune) -> list[dict]:
    """The optimiser's groups: parameters of one layer, those that decay and those that do not.

    The head (a text tower too) has the full learning rate, the layer below it that times
    `layer_decay`, and so on down to the patch embedding (as BEiT does, arXiv 2106.08254). Biases,
    norms and embeddings do not decay.

    Args:
        network: whose parameters.
        settings: weight_decay, layer_decay.

    Returns:
        params, names, scale (of the step size) and weight_decay of each group, from the head down.
    """
    above = network.backbone.last_layer + 1
    made: dict[tuple[int, bool], dict] = {}
    for name, parameter in network.named_parameters():
        below = name.removeprefix("backbone.")
        layer = above if below == name else network.backbone.layer_of(below)
        decays = parameter.ndim > 1 and not any(word in name for word in EMBEDDINGS)
        group = made.setdefault(
            (-layer, not decays),
            {
                "params": [],
                "names": [],
                "scale": settings.layer_decay ** (above - layer),
                "weight_decay": settings.weight_decay if decays else 0.0,
            },
        )
        group["params"].append(parameter)
        group["names"].append(name)
    return [made[key] for key in sorted(made)]


@torch.no_grad()
def _set(head: nn.Linear, weight: torch.Tensor, bias: torch.Tensor | None = None) -> None:
    head.weight.copy_(weight)
    if bias is not None:
        head.bias.copy_(bias)
