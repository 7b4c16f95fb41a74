"""Fine-tuning of a pretrained backbone with a new head."""

import functools
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import torch
from torch import nn
from torch.nn.functional import normalize

from stillact.core import arrays
from stillact.models.backbones import base, loading
from stillact.models.precision import resolved
from stillact.recipes import frozen
from stillact.recipes.fine_tune.config import FineTunePlan
from stillact.training import augment, loop
from stillact.training.jobs import Parts, Setup, load_parts

# Substrings in the names of embeddings: positions, class and register tokens, pooling queries.
EMBEDDINGS = ("position", "pos_embed", "cls_token", "reg_token", "probe", "latent", "token_embed")
# Parameters of an image tower below which bf16 costs a CPU more in conversions than it saves: a
# step of the demo's towers, with 0.9 million, takes 1.2 times as long as in fp32, one of ViT-Ti/16,
# with 5.7 million, 0.7 times. A step of EfficientNet-Lite0, which is not a transformer, takes 1.3
# times as long.
SMALL = 3_000_000


class Classifier(nn.Module):
    """A backbone's image tower and a linear head on its embedding.

    With a text head, as in WiSE-FT (arXiv 2109.01903), embeddings are L2-normalised and a class's
    weights are its normalised text embedding times the logit scale, so that the untrained
    classifier is the zero-shot one. With a linear probe as its head (LP-FT, arXiv 2202.10054)
    embeddings are L2-normalised too, and the untrained classifier is the probe.
    """

    def __init__(self, backbone: base.Backbone, head: nn.Module, normalised: bool):
        super().__init__()
        self.backbone, self.head, self.normalised = backbone, head, normalised
        self.chosen: dict[str, float] = {}  # for the head's initialisation

    def train(self, mode: bool = True) -> "Classifier":
        """As in torch, but that batch norms keep the means and variances of the pre-training:
        those of small batches of a small dataset differ from step to step, and from those with
        which the trained network predicts. Their weights and biases are trained."""
        super().train(mode)
        for module in self.backbone.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
        return self

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (batch, classes) of normalised images (batch, 3, size, size)."""
        return self.logits(self.backbone.encode_image(images))

    def logits(self, embeddings: torch.Tensor) -> torch.Tensor:
        """Logits (batch, classes) of the backbone's embeddings (batch, width)."""
        return self.head(normalize(embeddings, dim=1) if self.normalised else embeddings)


class TextTowerHead(nn.Module):
    """A head of the classes' prompts, embedded by the text tower, which is trained too (FLYP, arXiv
    2212.00638, with the contrastive loss over the classes instead of the batch).

    Initially it equals the text head of `Classifier`.
    """

    def __init__(self, backbone: base.Backbone, texts: dict[str, list[str]]):
        super().__init__()
        self.text, self.scale = backbone.text, backbone.logit_scale
        counts = [len(prompts) for prompts in texts.values()]
        share = torch.block_diag(*(torch.full((1, count), 1 / count) for count in counts))
        self.register_buffer("share", share, persistent=False)  # (classes, texts)
        tokens = backbone.tokenize([text for prompts in texts.values() for text in prompts])
        self.register_buffer("tokens", tokens, persistent=False)

    def forward(self, embeddings: torch.Tensor) -> torch.Tensor:
        """Logits (batch, classes) of L2-normalised embeddings (batch, width)."""
        of_classes = self.share @ normalize(self.text(self.tokens), dim=1)
        return self.scale * embeddings @ normalize(of_classes, dim=1).T


def setup(plan: FineTunePlan, files: Mapping[str, Path], device: torch.device) -> Setup:
    """Set up classifiers that start from the backbone's pretrained weights.

    Args:
        plan: initial head, augmentations, training.
        files: `record`, the backbone's weights.json; `array` and `index`, the photos packed for it
            (npy) and their rows (csv); for a text head `texts` (npy) and `texts_index` (csv), the
            embeddings of the prompts.
        device: device of inputs and networks.
    """
    backbone = loading.from_record(files["record"])
    tower = TextTowerHead(backbone, plan.texts) if plan.head == "text_tower" else None
    backbone.text = None  # only the image tower, except for that head
    towers = nn.ModuleList([backbone, *filter(None, [tower])])
    start = {name: tensor.clone() for name, tensor in towers.state_dict().items()}
    towers.to(device, memory_format=torch.channels_last)  # convolutions are faster with it
    change = augment.build(plan.augment, backbone.size)

    def network(train: loop.LabelledInputs | None) -> nn.Module:
        towers.load_state_dict(start)  # reset: an earlier run has changed it
        model = Classifier(backbone, tower or head().to(device), normalised=plan.head != "random")
        if plan.head == "probe" and train is not None:
            found = probed(train)
            _set(model.head, torch.from_numpy(found.weight), torch.from_numpy(found.bias))
            model.chosen = {"c": found.c}
        return model

    def head() -> nn.Linear:
        layer = nn.Linear(backbone.embedding_width, len(plan.classes), bias=plan.head != "text")
        if plan.head == "text":
            _set(layer, frozen.text_rows(files, plan.classes))
        elif plan.head == "random":  # small, as for ViTs: nearly uniform initial predictions
            nn.init.trunc_normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)
        return layer

    @functools.lru_cache(1)  # seeds share their photos, and the backbone is untrained
    def probed(train: loop.LabelledInputs):
        from stillact.models import probe  # scikit-learn, which no other head needs

        features = loop.predict(backbone.image, train.inputs, prepare)
        features, labels = normalize(features, dim=1).cpu().numpy(), train.labels.cpu().numpy()
        return probe.fit(features, labels, len(plan.classes), plan.probe)

    def prepare(images: torch.Tensor, training: bool) -> torch.Tensor:
        if training and plan.augment:
            images = change(images.float() / 255) * 255
        return backbone.normalise(images).contiguous(memory_format=torch.channels_last)

    photos = arrays.load(files["array"], "r")

    def parts(rows: pd.DataFrame) -> Parts:
        return load_parts(photos, files["index"], rows, plan.classes, device)

    known = frozen.facts(files)
    on_gpu, large = device.type == "cuda", known.image_parameters > SMALL
    return Setup(
        parts,
        network,
        prepare,
        features=lambda photos, _: photos,
        sees=(known.preprocessing,),
        groups=lambda model: groups(model, plan),
        precision=resolved(plan.precision, device, suits=on_gpu or (large and known.blocks > 0)),
    )


def groups(network: Classifier, plan: FineTunePlan) -> list[dict]:
    """Parameter groups of the optimiser: per layer, with and without weight decay.

    The head (and a text tower) has the full learning rate, the layer below it that times
    `layer_decay`, and so on down to the patch embedding (as in BEiT, arXiv 2106.08254). A head that
    starts at random has a learning rate of its own: with the small one that keeps the backbone's
    features it would hardly move in the few steps of a small dataset. Biases, norms and embeddings
    have no weight decay.

    Args:
        network: the classifier.
        plan: initial head; learning_rate, head_learning_rate, weight_decay, layer_decay.

    Returns:
        params, names, scale (of the learning rate) and weight_decay of each group, from the head
        down.
    """
    settings = plan.training
    own_rate = settings.head_learning_rate if plan.head == "random" else None
    of_head = 1.0 if own_rate is None else own_rate / settings.learning_rate
    above = network.backbone.last_layer + 1
    by_layer: dict[tuple[int, bool], dict] = {}
    for name, parameter in network.named_parameters():
        below = name.removeprefix("backbone.")
        layer = above if below == name else network.backbone.layer_of(below)
        decays = parameter.ndim > 1 and not any(word in name for word in EMBEDDINGS)
        group = by_layer.setdefault(
            (-layer, not decays),
            {
                "params": [],
                "names": [],
                "scale": of_head if layer == above else settings.layer_decay ** (above - layer),
                "weight_decay": settings.weight_decay if decays else 0.0,
            },
        )
        group["params"].append(parameter)
        group["names"].append(name)
    return [by_layer[key] for key in sorted(by_layer)]


@torch.no_grad()
def _set(head: nn.Linear, weight: torch.Tensor, bias: torch.Tensor | None = None) -> None:
    head.weight.copy_(weight)
    if bias is not None:
        head.bias.copy_(bias)
