from typing import get_args

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter
from scipy.ndimage import gaussian_filter
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional as F

from stillact.config.augmentations import Augmentation
from stillact.training import augment

SIZE = 32
BILINEAR = InterpolationMode.BILINEAR


def block(name: str, **values) -> Augmentation:
    return TypeAdapter(Augmentation).validate_python({"name": name, **values})


def images(count: int = 8, size: int = SIZE) -> torch.Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(5))


def changed(blocks, batch, seed=0) -> torch.Tensor:
    torch.manual_seed(seed)
    return augment.build(blocks, batch.shape[-1])(batch)


# Drawn once a batch in torchvision, so it is called on each image here.
CALLED = [
    (block("perspective", distortion=0.4, p=0.7), v2.RandomPerspective(0.4, 0.7, BILINEAR)),
    (
        block("random_resized_crop", min_area=0.3, max_area=0.8),
        v2.RandomResizedCrop(SIZE, (0.3, 0.8), interpolation=BILINEAR),
    ),
    (
        block("colour_jitter", brightness=0.4, contrast=0.3, saturation=0.2, hue=0.1),
        v2.ColorJitter(0.4, 0.3, 0.2, 0.1),
    ),
    (block("rotation", degrees=40), v2.RandomRotation(40, BILINEAR)),
    # sigma is given at 128 px; at 32 px it is a quarter, and 3 sigma to each side are 3 pixels
    (block("gaussian_blur", min_sigma=0.4, max_sigma=4), v2.GaussianBlur(7, (0.1, 1.0))),
]
CHOSEN = [
    (block("vertical_flip", p=0.5), F.vertical_flip),
    (block("horizontal_flip", p=0.5), F.horizontal_flip),
    (block("greyscale", p=0.5), lambda image: F.rgb_to_grayscale(image, 3)),
]
KINDS = [kind for kind, _ in [*CALLED, *CHOSEN]]
of_each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


def test_every_kind_is_tested():
    assert {type(kind) for kind in KINDS} == set(get_args(get_args(Augmentation)[0]))


@of_each_kind
def test_each_image_of_a_batch_has_its_own_draw(kind):
    batch = images(1).expand(16, -1, -1, -1)
    after = changed([kind], batch)
    different = {image.numpy().tobytes() for image in after}
    assert len(different) >= (2 if kind in [chosen for chosen, _ in CHOSEN] else 8)
    assert torch.equal(batch, images(1).expand(16, -1, -1, -1))  # the photos themselves stay


@of_each_kind
def test_images_stay_images(kind):
    batch = images(16)
    batch[:4] = batch[:4].round()  # the ends of the range
    after = changed([kind], batch)
    assert after.shape == batch.shape
    assert after.dtype == torch.float32
    assert after.isfinite().all()
    assert after.min() >= 0
    assert after.max() <= 1 + 1e-6


@of_each_kind
def test_a_seed_repeats_the_draws(kind):
    first, again, other = (changed([kind], images(), seed) for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(("kind", "reference"), CALLED, ids=[k.name for k, _ in CALLED])
def test_it_is_torchvisions_transform_of_each_image(kind, reference):
    after = changed([kind], images())
    torch.manual_seed(0)
    assert torch.equal(after, torch.stack([reference(image) for image in images()]))


@pytest.mark.parametrize(("kind", "reference"), CHOSEN, ids=[k.name for k, _ in CHOSEN])
def test_it_is_torchvisions_function_on_the_chosen_images(kind, reference):
    assert torch.equal(changed([kind.model_copy(update={"p": 0.0})], images()), images())
    every = changed([kind.model_copy(update={"p": 1.0})], images())
    assert torch.equal(every, torch.stack([reference(image) for image in images()]))
    batch = images(1).expand(400, -1, -1, -1)
    untouched = (changed([kind.model_copy(update={"p": 0.25})], batch) == batch).all((1, 2, 3))
    assert 270 <= untouched.sum() <= 330  # 300 expected, sd 8.7


def test_a_vertical_flip_turns_upside_down():
    after = changed([block("vertical_flip", p=1)], images())
    assert torch.equal(after, images().flip(2))
    assert torch.equal(changed([block("horizontal_flip", p=1)], images()), images().flip(3))


def test_greyscale_is_luma():
    after = changed([block("greyscale", p=1)], images())
    luma = (images() * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1)
    for channel in range(3):
        assert torch.allclose(after[:, channel], luma, atol=1e-3)  # torchvision's 4 digits


@pytest.mark.parametrize("size", [32, 64, 128])
def test_a_blur_looks_the_same_at_every_size(size):
    batch = images(2, size)
    after = changed([block("gaussian_blur", min_sigma=4, max_sigma=4)], batch)
    axes = (0, 0, 4 * size / 128, 4 * size / 128)
    reference = gaussian_filter(batch.numpy(), axes, mode="mirror", truncate=3)
    assert np.abs(after.numpy() - reference).max() < 1e-5


def test_steps_follow_one_another_in_the_order_of_the_list():
    jitter, rotation = block("colour_jitter", brightness=0.9), block("rotation", degrees=90)
    one_by_one = images()
    torch.manual_seed(0)
    for step in (jitter, rotation):
        one_by_one = augment.build([step], SIZE)(one_by_one)
    assert torch.equal(changed([jitter, rotation], images()), one_by_one)
    assert not torch.equal(changed([rotation, jitter], images()), one_by_one)


def test_no_steps_change_nothing():
    assert torch.equal(changed([], images()), images())
