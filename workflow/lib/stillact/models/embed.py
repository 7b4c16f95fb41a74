"""Embeddings of photos and texts by a backbone, in batches."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from stillact.core.errors import InputError
from stillact.core.installed import versions
from stillact.core.logs import detail, logger
from stillact.core.tables import replacing
from stillact.models.backbones.base import Backbone
from stillact.models.precision import FP32, NAMES, device_name
from stillact.models.prompts import normalised
from stillact.models.records import BackboneRecord

CPU_BATCH = 64
GPU_BATCH = 512  # halved until it fits
PROGRESS_EVERY_S = 5.0

Encode = Callable[[slice], torch.Tensor]


def of_photos(backbone: Backbone, photos: np.ndarray, projected: bool = True) -> np.ndarray:
    """Compute image embeddings, float32 (photos, width), by `Backbone.encode_image`.

    Args:
        backbone: on the device to compute on.
        photos: packed for this backbone, uint8 (photos, size, size, 3), RGB; may be memory-mapped.
        projected: if False, use `Backbone.encode_unprojected`.

    Raises:
        InputError: not projected, and the backbone has no projection.
    """
    parameter = next(backbone.image.parameters())
    device = parameter.device
    encoder = backbone.encode_image if projected else backbone.encode_unprojected
    width = backbone.embedding_width if projected else len(backbone.projection)

    def encode(rows: slice) -> torch.Tensor:
        pixels = torch.from_numpy(np.array(photos[rows])).permute(0, 3, 1, 2)
        return encoder(backbone.normalise(pixels.to(device)))

    return _in_batches(encode, len(photos), width, device, "photos", NAMES[parameter.dtype])


def with_mirror(backbone: Backbone, photos: np.ndarray) -> np.ndarray:
    """Compute image embeddings averaged with those of the mirror images: the L2-normalised mean of
    both L2-normalised embeddings, float32 (photos, width).

    Args:
        backbone, photos: as for `of_photos`.
    """
    both = normalised(of_photos(backbone, photos)) + normalised(
        of_photos(backbone, photos[:, :, ::-1])
    )
    return normalised(both)


def of_texts(backbone: Backbone, texts: Sequence[str]) -> np.ndarray:
    """Compute text embeddings, float32 (texts, width), by `Backbone.encode_text`.

    Raises:
        InputError: the backbone has no text tower.
    """
    device = next(backbone.image.parameters()).device

    def encode(rows: slice) -> torch.Tensor:
        return backbone.encode_text(list(texts[rows]))

    return _in_batches(encode, len(texts), backbone.embedding_width, device, "texts", FP32)


def write_record(backbone: Backbone, path: str | Path) -> None:
    """Write how a backbone computes image embeddings, as JSON: precision (fp32 or bf16), device
    and versions."""
    parameter = next(backbone.image.parameters())
    record = {
        "precision": NAMES[parameter.dtype],
        "device": device_name(parameter.device),
        "versions": versions(["torch"]),
    }
    with replacing(path) as part:
        part.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def text_table(prompts: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """The texts of a prompt set in order: class, text."""
    rows = [(label, text) for label, texts in prompts.items() for text in texts]
    return pd.DataFrame(rows, columns=["class", "text"])


def require_text_tower(record: Path, prompts: str) -> None:
    """Raise an InputError if the backbone of a weights.json cannot embed the prompt set `prompts`.

    Does not load the weights.
    """
    weights = BackboneRecord.read(record)
    if not weights.facts.has_text:
        raise InputError(
            f"backbones.{weights.backbone} has no text tower, so it cannot embed the prompts "
            f"{prompts!r}; where they are used, name a backbone with a text tower (of open_clip, "
            "or siglip)"
        )


def require_projection(record: Path) -> None:
    """Raise an InputError if the backbone of a weights.json has no projection.

    Does not load the weights.
    """
    weights = BackboneRecord.read(record)
    if not weights.facts.projects:
        raise InputError(
            f"backbones.{weights.backbone} has no projection after its image tower, so the recipe "
            "prolip has nothing to train; name a CLIP backbone, or train linear_probe on this one"
        )


@torch.inference_mode()
def _in_batches(
    encode: Encode, count: int, width: int, device: torch.device, what: str, precision: str
) -> np.ndarray:
    """Encode all rows, float32 (count, width). On a GPU the batch size shrinks until it fits."""
    embeddings = np.empty((count, width), np.float32)
    batch = CPU_BATCH if device.type == "cpu" else GPU_BATCH
    done, start = 0, time.perf_counter()
    last = start
    while done < count:
        rows = slice(done, min(done + batch, count))
        try:
            embeddings[rows] = encode(rows).cpu().numpy()
        except torch.OutOfMemoryError:
            batch = _halved(rows.stop - rows.start, what)
            continue
        done = rows.stop
        if time.perf_counter() - last > PROGRESS_EVERY_S:
            last = time.perf_counter()
            logger.info("embedded %d of %d %s", done, count, what)
    seconds = time.perf_counter() - start
    detail(
        "embedded %d %s in %s in %.1f s on %s: %.0f embeddings/s",
        count,
        what,
        precision,
        seconds,
        device.type,
        count / seconds,
    )
    return embeddings


def _halved(batch: int, what: str) -> int:
    if batch == 1:
        raise InputError(
            f"out of GPU memory for a batch of one of the {what}; free GPU memory, use a smaller "
            "backbone, or embed on the CPU (device: cpu)"
        ) from None
    logger.warning("out of GPU memory: reducing the batch size to %d %s", batch // 2, what)
    return batch // 2
