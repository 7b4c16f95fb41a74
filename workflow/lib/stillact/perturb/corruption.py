"""Corrupted photos (imagecorruptions)."""

import contextlib
import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import torch
from PIL import Image

from stillact.config.evaluation import WITHOUT_SEVERITY
from stillact.data.boxes import View
from stillact.data.manifest import parse_boxes
from stillact.data.preprocessing import Preprocessing
from stillact.perturb.ask import Version
from stillact.perturb.occlusion import cover
from stillact.perturb.robustness import CLEAN

SIDE = 224  # pixels: imagecorruptions' severities are those of ImageNet-C, with photos of this size
LOWER = (2, 3, 4, 6, 8)  # low_resolution: factor by which the side is reduced, by severity
BICUBIC = Image.Resampling.BICUBIC
COLUMNS = ["subset", "image_id", "group", "label"]  # of a photo, in the table of predictions


def asked(corruptions: Sequence[str], severities: Sequence[int]) -> list[tuple[str, int]]:
    """Corruption and severity of each version of the photos, the clean one first."""
    return [(CLEAN, 0)] + [
        (name, severity)
        for name in corruptions
        for severity in ([0] if name in WITHOUT_SEVERITY else severities)
    ]


def versions(
    pixels: torch.Tensor,
    photos: pd.DataFrame,
    sees: Sequence[Preprocessing],
    asked: Sequence[tuple[str, int]],
) -> Iterator[Version]:
    """Generate the versions lazily, so that memory holds one; versions without photos are skipped.

    Args:
        pixels: of the photos, uint8 (photos, 3 * views, size, size), on the CPU.
        photos: image_id, width and height (px), person_boxes as in the manifest.
        sees: preprocessing of each view.
        asked: from the function of this name.
    """
    for name, severity in asked:
        rows, made = np.arange(len(pixels)), pixels
        if name == "person_covered":
            masks = [_people(photos, preprocessing) for preprocessing in sees]
            rows = np.flatnonzero(np.any([mask.any((1, 2)) for mask in masks], axis=0))
            views = zip(pixels[rows].split(3, dim=1), masks, strict=True)
            made = torch.cat([cover(view, mask[rows], "mean") for view, mask in views], 1)
        elif name != CLEAN:
            views = pixels.split(3, dim=1)
            made = torch.cat([apply(v, photos["image_id"], name, severity) for v in views], 1)
        if len(rows):
            yield Version({"corruption": name, "severity": severity}, rows, made)


def _people(photos: pd.DataFrame, preprocessing: Preprocessing) -> np.ndarray:
    """The pixels in any person box of each packed photo, bool (photos, size, size)."""
    masks = []
    for row in photos.itertuples():
        boxes = parse_boxes(row.person_boxes)
        masks.append(View.of(preprocessing, row.width, row.height, boxes).mask(boxes))
    return np.stack(masks)


def apply(photos: torch.Tensor, image_ids: Sequence[str], name: str, severity: int) -> torch.Tensor:
    """Apply one corruption to photos.

    The result for a photo does not depend on the other photos: the random generator is seeded by
    its id, the corruption and the severity. Parameters of imagecorruptions are in pixels; photos
    packed smaller than `SIDE` are upscaled for it and downscaled again, so that severities are
    comparable.

    Args:
        photos: uint8, shape (photos, 3, size, size), RGB, on the CPU.
        image_ids: of the photos.
        name: one of `config.CORRUPTIONS` except person_covered, for which see `versions`.
        severity: 1 to 5; 0 for grey.
    """
    made = np.empty((len(photos), *photos.shape[2:], 3), np.uint8)
    for row, image_id in enumerate(image_ids):
        photo = Image.fromarray(photos[row].permute(1, 2, 0).numpy())
        match name:
            case "grey":  # luma of ITU-R 601
                made[row] = photo.convert("L").convert("RGB")
            case "low_resolution":
                side = max(round(photo.width / LOWER[severity - 1]), 1)
                made[row] = photo.resize((side, side), BICUBIC).resize(photo.size, BICUBIC)
            case _:
                made[row] = _corrupted(photo, name, severity, f"{image_id}/{name}/{severity}")
    return torch.from_numpy(made).permute(0, 3, 1, 2)


def _corrupted(photo: Image.Image, name: str, severity: int, chance: str) -> Image.Image:
    """Apply imagecorruptions to a photo of at least `SIDE` pixels."""
    from imagecorruptions import corrupt  # imported late: it imports numba, which is slow

    wide = photo if photo.width >= SIDE else photo.resize((SIDE, SIDE), BICUBIC)
    with _seeded(chance) as seed:
        # without this, two of them would draw a seed of their own
        own = {"seed": seed} if name in ("impulse_noise", "glass_blur") else {}
        made = Image.fromarray(corrupt(np.asarray(wide), severity, name, **own))
    return made if wide is photo else made.resize(photo.size, BICUBIC)


@contextlib.contextmanager
def _seeded(text: str) -> Iterator[int]:
    """Seed NumPy's global generator, which imagecorruptions uses, by a text; restore its state
    afterwards."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
    before = np.random.get_state()
    np.random.seed(seed)
    try:
        yield seed
    finally:
        np.random.set_state(before)
