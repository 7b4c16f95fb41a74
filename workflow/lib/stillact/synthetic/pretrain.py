"""The backbones of the synthetic dataset: tiny towers trained on captioned scenes.

A ViT is trained to predict attributes of a scene other than its activity, mainly the limb positions
of the main person. Its weights initialise the image towers of a CLIP and a SigLIP, as EVA-CLIP
(arXiv 2303.15389) starts from EVA, which are then trained on captions. All are saved in the formats
of open_clip and timm, and loaded like any other weights.

Labels are not used; but captions name the activity, and limb positions almost determine it. From
random weights, contrastive learning leaves towers of this size little above chance within minutes:
captions contain far less information about a picture than the positions of all limbs.
"""

import json
import math
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import open_clip
import pandas as pd
import timm
import torch
from open_clip.loss import SigLipLoss
from safetensors.torch import load_file
from timm.models import save_for_hf
from timm.optim.muon import zeropower_via_newtonschulz
from torch import nn
from torch.nn import functional as F

from stillact.config.synthetic import Pretrain
from stillact.core.logs import logger
from stillact.core.tables import read_csv
from stillact.models import tensor_files
from stillact.synthetic import limbs
from stillact.synthetic.pretrain_pose import Posed
from stillact.training.loop import repeatable

PATCH = 16
HEAD = 32  # width of an attention head
CONTEXT = 32  # tokens per caption; all captions of the synthetic dataset are shorter
CAPTIONS = [f"caption_{i}" for i in range(1, 6)]
ATTRIBUTES = ["setting", "people", "furniture", "view", "light", "person", "top", "legwear"]
ARCHITECTURE = "vit_base_patch16_clip_224"  # of timm; a smaller version of CLIP's image tower
GREY = {"mean": [0.5] * 3, "std": [0.5] * 3}  # pixels from -1 to 1
MUON = 5.0  # learning rate of Muon over that of AdamW
MOMENTUM, QUINTIC = 0.95, [(3.4445, -4.7750, 2.0315)]  # values of Muon's authors
# Initial contrastive temperatures and biases; SigLIP's authors' bias is for batches of 32,768.
CLIP_SCALE, LARGEST_SCALE = math.log(1 / 0.07), math.log(100)
SIGLIP_SCALE = math.log(10)


@dataclass(frozen=True)
class Scenes:
    """Captioned scenes.

    images: uint8 (scenes, 3, size, size), RGB. joints: float32 (scenes, 18, 2), shares of the
    picture's side. rows: captions and attributes, in the same order.
    """

    images: torch.Tensor
    joints: torch.Tensor
    rows: pd.DataFrame


def load_scenes(arrays: Sequence[str | Path], tables: Sequence[str | Path]) -> Scenes:
    """Load the shards of `captioned.render_shard`, in the order of the scenes' indices."""
    rows = pd.concat([read_csv(table) for table in tables], ignore_index=True)
    order = rows["scene"].argsort(kind="stable").to_numpy()
    parts = [np.load(file) for file in arrays]
    images, joints = (
        torch.from_numpy(np.concatenate([part[name] for part in parts])[order])
        for name in ("images", "joints")
    )
    return Scenes(images.permute(0, 3, 1, 2).contiguous(), joints, rows.iloc[order])


def train(
    tower: str,
    settings: Pretrain,
    scenes: Scenes,
    folder: Path,
    start: Path | None = None,
    threads: int = 1,
) -> pd.DataFrame:
    """Train one tower and save it.

    Args:
        tower: clip, siglip, vit or pose.
        settings: architecture, optimisation, seed.
        folder: output folder: for clip and siglip, open_clip_config.json and
            open_clip_model.safetensors; for vit and pose, config.json and model.safetensors.
        start: folder of a saved vit, which initialises the others.
        threads: number of torch's threads.

    Returns:
        epoch, loss: the mean loss (vit: a sum, see `_Supervised`; pose: see `Posed`; else nats) of
        each epoch.
    """
    with repeatable(threads):
        torch.manual_seed(settings.seed)
        if tower == "vit":
            task: _Task = _Supervised(settings, scenes)
            _start(task.image, scenes.images)
        elif tower == "pose":
            task = Posed(_timm_config(settings), scenes.joints, start)
        else:
            task = _Contrastive(tower, settings, scenes, start)
        history = _fit(tower, task, scenes.images, settings)
        folder.mkdir(parents=True, exist_ok=True)
        task.save(folder)
    return history


def _shape(settings: Pretrain) -> dict[str, int]:
    """Arguments of timm's ViT."""
    return {
        "img_size": settings.size,
        "embed_dim": settings.width,
        "depth": settings.layers,
        "num_heads": settings.width // HEAD,
    }


def _timm_config(settings: Pretrain) -> dict:
    """The contents of timm's config.json."""
    preprocessing = {
        "input_size": [3, settings.size, settings.size],
        "interpolation": "bicubic",
        "crop_pct": 1.0,
        "crop_mode": "center",
        **GREY,
    }
    return {
        "architecture": ARCHITECTURE,
        "num_classes": 0,
        "model_args": _shape(settings),
        "pretrained_cfg": preprocessing,
    }


class _Supervised(nn.Module):
    """A timm ViT that predicts the limbs in each patch, and for the picture the joint positions of
    the main person and the other attributes.

    The loss is the two mean squared errors, in units of the targets' variances, and a twentieth
    of the sum of the attributes' cross-entropies.
    """

    def __init__(self, settings: Pretrain, scenes: Scenes):
        super().__init__()
        self.described = _timm_config(settings)
        self.image = timm.create_model(ARCHITECTURE, num_classes=0, **_shape(settings))
        self.grid = settings.size // PATCH
        fields = torch.cat([limbs.fields(part, self.grid) for part in scenes.joints.split(500)])
        self.fields = fields / fields.std(dim=(0, 1))
        self.joints = scenes.joints
        self.middle, self.spread = self.joints.mean(dim=0), self.joints.std(dim=0)
        texts = [scenes.rows[name].astype(str) for name in ATTRIBUTES]
        self.codes = torch.tensor(np.stack([pd.factorize(t, sort=True)[0] for t in texts], axis=1))
        self.values = [text.nunique() for text in texts]
        self.of_patch = nn.Linear(settings.width, fields.shape[-1])
        self.of_picture = nn.Linear(settings.width, self.joints[0].numel() + sum(self.values))

    def loss(self, images: torch.Tensor, rows: torch.Tensor, mirrored: torch.Tensor):
        tokens = self.image.forward_features(images)
        fields, joints = self.fields[rows], self.joints[rows]
        turned = mirrored[:, None, None]
        fields = torch.where(turned, limbs.mirrored_fields(fields, self.grid), fields)
        joints = torch.where(turned, limbs.mirrored(joints), joints)
        at, *logits = self.of_picture(tokens[:, 0]).split([joints[0].numel(), *self.values], dim=1)
        places = ((joints - self.middle) / self.spread).flatten(1)
        others = [F.cross_entropy(t, self.codes[rows, i]) for i, t in enumerate(logits)]
        patches = F.mse_loss(self.of_patch(tokens[:, 1:]), fields)
        return patches + F.mse_loss(at, places) + 0.05 * sum(others)

    def save(self, folder: Path) -> None:
        save_for_hf(self.image, folder, self.described, safe_serialization=True)


@torch.no_grad()
def _start(image: nn.Module, pictures: torch.Tensor) -> None:
    """Initialise the patch embedding from the scenes' patches, and the positions with sines.

    Neighbouring pixels are correlated, so that with random weights brightness dominates edges. The
    patches' leading principal components, whitened, give both the same scale.
    """
    some = pictures[torch.randperm(len(pictures))[:600]].float() / 127.5 - 1
    patches = F.unfold(some, PATCH, stride=PATCH).transpose(1, 2).flatten(0, 1)
    sizes, directions = torch.linalg.eigh(torch.cov(patches.T))
    width = image.embed_dim
    kernels = (directions[:, -width:] / (sizes[-width:] + 0.02).sqrt()).T
    image.patch_embed.proj.weight.copy_(kernels.reshape(width, 3, PATCH, PATCH))
    image.pos_embed[0, 1:] = sines(pictures.shape[-1] // PATCH, width)


def sines(grid: int, width: int) -> torch.Tensor:
    """Sine-cosine embeddings of column and row, (grid * grid, width), as in MoCo v3's ViT (arXiv
    2104.02057), but with the longest wavelength 100 times the shortest, not 10,000 times."""
    waves = 10.0 ** (-torch.arange(width // 4) / (width / 8))
    rows, columns = torch.meshgrid(torch.arange(grid), torch.arange(grid), indexing="ij")
    angles = [place.reshape(-1, 1) * waves for place in (columns, rows)]
    return torch.cat([f(angle) for angle in angles for f in (torch.sin, torch.cos)], dim=1)


class _Contrastive(nn.Module):
    """An open_clip model with its own loss; a random caption of a scene is used each time."""

    def __init__(self, tower: str, settings: Pretrain, scenes: Scenes, start: Path):
        super().__init__()
        self.config = model_config(tower, settings)
        # `custom_text` is only for open_clip's loader, which chooses the class by it.
        arguments = {key: value for key, value in self.config.items() if key != "custom_text"}
        make = open_clip.CLIP if tower == "clip" else open_clip.CustomTextCLIP
        self.model = make(**arguments, output_dict=True)
        self.objective = open_clip.ClipLoss() if tower == "clip" else SigLipLoss()
        weights = open_clip_names(load_file(start / "model.safetensors"))
        if tower == "siglip":  # its last norm follows the pooling, unlike in the vit
            weights = {key: w for key, w in weights.items() if not key.startswith("ln_post.")}
        self.model.visual.load_state_dict({**self.model.visual.state_dict(), **weights})
        self.image = self.model.visual
        words = open_clip.SimpleTokenizer(context_length=CONTEXT)
        self.tokens = torch.stack([words(scenes.rows[name].tolist()) for name in CAPTIONS], dim=1)

    def loss(self, images: torch.Tensor, rows: torch.Tensor, mirrored: torch.Tensor):
        with torch.no_grad():
            self.model.logit_scale.clamp_(max=LARGEST_SCALE)
        which = torch.randint(len(CAPTIONS), (len(rows),))
        return self.objective(**self.model(images, self.tokens[rows, which]))

    def save(self, folder: Path) -> None:
        preprocessing = {"interpolation": "bicubic", "resize_mode": "shortest", **GREY}
        described = {"model_cfg": self.config, "preprocess_cfg": preprocessing}
        text = json.dumps(described, indent=1) + "\n"
        (folder / "open_clip_config.json").write_text(text, encoding="utf-8")
        tensor_files.write(self.model.state_dict(), folder / "open_clip_model.safetensors")


def model_config(tower: str, settings: Pretrain) -> dict:
    """The model_cfg of open_clip for the tiny CLIP or SigLIP."""
    vision = {
        "image_size": settings.size,
        "patch_size": PATCH,
        "width": settings.width,
        "layers": settings.layers,
        "head_width": HEAD,
    }
    text = {
        "context_length": CONTEXT,
        "width": settings.text_width,
        "heads": settings.text_width // HEAD,
        "layers": settings.text_layers,
    }
    config = {"embed_dim": settings.width, "vision_cfg": vision, "text_cfg": text}
    if tower == "clip":
        return {**config, "init_logit_scale": CLIP_SCALE}
    vision |= {
        "attentional_pool": True,
        "attn_pooler_queries": 1,
        "attn_pooler_heads": settings.width // HEAD,
    }
    text["no_causal_mask"] = True
    # The sigmoids start at the share of matching pairs in a batch.
    bias = -math.log(settings.batch_size - 1)
    start = {"init_logit_scale": SIGLIP_SCALE, "init_logit_bias": bias}
    return {**config, "custom_text": True, **start}


def open_clip_names(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Rename weights of timm's CLIP image tower to open_clip's names, the inverse of timm's
    conversion."""
    names = {
        "patch_embed.proj.": "conv1.",
        "cls_token": "class_embedding",
        "norm_pre.": "ln_pre.",
        "pos_embed": "positional_embedding",
        "blocks.": "transformer.resblocks.",
        "attn.qkv.": "attn.in_proj_",
        "attn.proj.": "attn.out_proj.",
        "norm1.": "ln_1.",
        "norm2.": "ln_2.",
        "mlp.fc1.": "mlp.c_fc.",
        "mlp.fc2.": "mlp.c_proj.",
        "norm.": "ln_post.",
    }
    renamed = {}
    for key, tensor in weights.items():
        for timm_name, name in names.items():
            key = key.replace(timm_name, name)
        renamed[key] = tensor
    renamed["class_embedding"] = renamed["class_embedding"].flatten()
    renamed["positional_embedding"] = renamed["positional_embedding"][0]
    return renamed


_Task = _Supervised | _Contrastive | Posed


def _fit(tower: str, task: _Task, images: torch.Tensor, settings: Pretrain) -> pd.DataFrame:
    """Train for all epochs; half of the pictures are mirrored."""
    size, epochs = min(settings.batch_size, len(images)), settings.towers[tower].epochs
    steps = len(images) // size
    optimisers = _optimisers(task, settings, settings.towers[tower].learning_rate)
    schedules = [
        torch.optim.lr_scheduler.LambdaLR(optimiser, _cosine(epochs * steps))
        for optimiser in optimisers
    ]
    losses = []
    for epoch in range(1, epochs + 1):
        started, total = time.perf_counter(), 0.0
        # An incomplete batch has an easier contrastive task, and is dropped.
        for rows in torch.randperm(len(images)).split(size)[:steps]:
            mirrored = torch.rand(size) < 0.5  # captions do not mention sides
            pictures = images[rows].float() / 127.5 - 1
            pictures = torch.where(mirrored[:, None, None, None], pictures.flip(3), pictures)
            loss = task.loss(pictures, rows, mirrored)
            task.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(task.parameters(), 1.0)
            for optimiser in optimisers:
                optimiser.step()
            for schedule in schedules:
                schedule.step()
            total += loss.item()
        losses.append(total / steps)
        speed = steps * size / (time.perf_counter() - started)
        logger.info(
            "%s: epoch %d of %d, loss %.3f, %.0f scenes/s", tower, epoch, epochs, losses[-1], speed
        )
    return pd.DataFrame({"epoch": range(1, epochs + 1), "loss": losses})


def _optimisers(task: _Task, settings: Pretrain, rate: float) -> list[torch.optim.Optimizer]:
    """AdamW, without weight decay on embeddings, norms and biases. A tower with random weights uses
    Muon (arXiv 2502.16982) for its blocks' matrices, which needs half the steps."""
    matrices, decayed, spared = [], [], []
    for name, parameter in task.named_parameters():
        if parameter.ndim < 2 or re.search("embedding|token|pos_embed|query", name):
            spared.append(parameter)
        elif isinstance(task, _Supervised) and ".blocks." in name:
            matrices.append(parameter)
        else:
            decayed.append(parameter)
    decay = settings.weight_decay
    groups = [{"params": decayed}, {"params": spared, "weight_decay": 0.0}]
    adam = torch.optim.AdamW(groups, rate, betas=(0.9, 0.98), weight_decay=decay, fused=True)
    if not matrices:
        return [adam]
    return [adam, Muon(matrices, MUON * rate, decay)]


class Muon(torch.optim.Optimizer):
    """torch.optim.Muon with `adjust_lr_fn="match_rms_adamw"`, in float32 throughout.

    torch's version orthogonalises updates in bfloat16. On processors without bfloat16
    multiplication, that took five sixths of the training time.
    """

    def __init__(self, matrices: Sequence[nn.Parameter], rate: float, weight_decay: float):
        super().__init__(matrices, {"lr": rate, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            rate = group["lr"]
            for matrix in group["params"]:
                mean = self.state[matrix].setdefault("mean", torch.zeros_like(matrix))
                mean.lerp_(matrix.grad, 1 - MOMENTUM)
                update = matrix.grad.lerp(mean, MOMENTUM)
                update = zeropower_via_newtonschulz(update, 5, QUINTIC, dtype=torch.float32)
                matrix.mul_(1 - rate * group["weight_decay"])
                matrix.add_(update, alpha=-0.2 * math.sqrt(max(matrix.shape)) * rate)


def _cosine(steps: int) -> Callable[[int], float]:
    """Warm-up over a tenth of the steps, then cosine decay to 0."""
    warm = max(1, steps // 10)
    return lambda step: min(
        (step + 1) / warm,
        0.5 + 0.5 * math.cos(math.pi * max(0, step - warm) / max(1, steps - warm)),
    )
