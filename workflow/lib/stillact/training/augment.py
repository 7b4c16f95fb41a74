"""Augmentation of training images: torchvision's transforms (v2), on batches on the device.

A v2 transform draws its parameters once per call, and would change a whole batch alike. Here the
parameters are drawn per image: on-off transforms are computed for the batch and selected per image;
the others are called per image.
"""

from collections.abc import Callable, Sequence

import torch

from stillact.config.augmentations import (
    Augmentation,
    ColourJitter,
    GaussianBlur,
    Greyscale,
    HorizontalFlip,
    Perspective,
    RandomResizedCrop,
    Rotation,
    VerticalFlip,
)
from stillact.core.imports import without_compiler

Augment = Callable[[torch.Tensor], torch.Tensor]


def build(blocks: Sequence[Augmentation], size: int) -> Augment:
    """Compose augmentations.

    The result takes and returns float32 images (batch, 3, size, size) in [0, 1]. It draws from
    torch's global random state, so that seeding it makes the draws reproducible.

    Args:
        blocks: config blocks, in the order of application.
        size: side of the images, pixels.
    """
    steps = [_step(block, size) for block in blocks]

    def augment(images: torch.Tensor) -> torch.Tensor:
        for step in steps:
            images = step(images)
        return images

    return augment


def _step(block: Augmentation, size: int) -> Augment:
    match block:
        case VerticalFlip():
            return _some(block.p, lambda images: images.flip(2))
        case HorizontalFlip():
            return _some(block.p, lambda images: images.flip(3))
        case _:
            return _torchvisions(block, size)


def _torchvisions(block: Augmentation, size: int) -> Augment:
    with without_compiler():
        from torchvision.transforms import InterpolationMode, v2

    bilinear = InterpolationMode.BILINEAR
    match block:
        case Greyscale():
            return _some(block.p, lambda images: v2.functional.rgb_to_grayscale(images, 3))
        case Perspective():
            return _each(v2.RandomPerspective(block.distortion, block.p, bilinear))
        case RandomResizedCrop():
            area = (block.min_area, block.max_area)
            return _each(v2.RandomResizedCrop(size, area, interpolation=bilinear, antialias=True))
        case ColourJitter():
            return _each(
                v2.ColorJitter(block.brightness, block.contrast, block.saturation, block.hue)
            )
        case GaussianBlur():
            sigma = (block.min_sigma * size / 128, block.max_sigma * size / 128)
            kernel = 2 * int(3 * sigma[1] + 0.5) + 1  # three standard deviations to each side
            return _each(v2.GaussianBlur(max(kernel, 3), sigma))
        case Rotation():
            return _each(v2.RandomRotation(block.degrees, bilinear))
        case _:
            raise TypeError(f"no transform for {block!r}")


def _some(p: float, transform: Augment) -> Augment:
    def step(images: torch.Tensor) -> torch.Tensor:
        chosen = torch.rand(len(images)) < p  # drawn on the CPU: the same on all devices
        return torch.where(chosen.to(images.device)[:, None, None, None], transform(images), images)

    return step


def _each(transform: Augment) -> Augment:
    def step(images: torch.Tensor) -> torch.Tensor:
        return torch.stack([transform(image) for image in images])

    return step
