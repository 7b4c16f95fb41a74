"""The embeddings stage. That embeddings are the libraries' own is tested with the backbones."""

import logging
from collections.abc import Callable

import numpy as np
import pytest
import timm
import torch
from torch import nn

from stillact.core.errors import InputError
from stillact.models import embed
from support import records


class Fake(nn.Module):
    """A backbone of two numbers: mean and highest value of a photo, length and e's of a text.

    `holds`: the most inputs that its memory holds at a time; `sizes`: of the batches it was given.
    """

    embedding_width = 2

    def __init__(self, holds: int = 10**6):
        super().__init__()
        self.image = nn.Linear(1, 1)
        self.holds, self.sizes = holds, []

    def normalise(self, images: torch.Tensor) -> torch.Tensor:
        return images.float() / 255

    def encode_image(self, images: torch.Tensor) -> torch.Tensor:
        self._take(len(images))
        return torch.stack([images.mean((1, 2, 3)), images.amax((1, 2, 3))], 1)

    def encode_text(self, texts: list[str]) -> torch.Tensor:
        self._take(len(texts))
        return torch.tensor([[len(text), text.count("e")] for text in texts])

    def _take(self, count: int) -> None:
        self.sizes.append(count)
        if count > self.holds:
            raise torch.OutOfMemoryError("CUDA out of memory")


def photos(count: int, size: int = 4) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), np.uint8)


def test_photos_are_embedded_in_their_order_from_the_disk(tmp_path):
    np.save(tmp_path / "photos.npy", photos(150))
    backbone = Fake()
    made = embed.of_photos(backbone, np.load(tmp_path / "photos.npy", mmap_mode="r"))
    pixels = photos(150).reshape(150, -1) / 255
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, np.stack([pixels.mean(1), pixels.max(1)], 1), atol=1e-6)
    assert backbone.sizes == [64, 64, 22]


def test_texts_are_embedded_in_their_order():
    table = embed.text_table({"sitting": ["seated", "on a bench"], "standing": ["NA"]})
    assert table["class"].tolist() == ["sitting", "sitting", "standing"]
    made = embed.of_texts(Fake(), table["text"].tolist())
    assert made.tolist() == [[6, 2], [10, 1], [2, 0]]


def test_no_photos_and_no_texts_give_empty_arrays():
    assert embed.of_photos(Fake(), photos(0)).shape == (0, 2)
    assert embed.of_texts(Fake(), []).shape == (0, 2)
    assert embed.text_table({}).columns.tolist() == ["class", "text"]


@pytest.fixture
def told(caplog, monkeypatch) -> Callable[[], list[str]]:
    """What was logged."""
    monkeypatch.setattr(logging.getLogger("stillact"), "propagate", True)
    caplog.set_level(logging.INFO, "stillact")
    return lambda: caplog.messages


def test_batches_are_halved_until_they_fit(told):
    tight = Fake(holds=20)
    made = embed.of_photos(tight, photos(100))
    assert np.array_equal(made, embed.of_photos(Fake(), photos(100)))
    assert tight.sizes == [64, 32, 16, 16, 16, 16, 16, 16, 4]
    halved = [line for line in told() if "out of GPU memory" in line]
    assert halved == [
        f"out of GPU memory: reducing the batch size to {size} photos" for size in (32, 16)
    ]


def test_a_photo_that_does_not_fit_alone_is_told():
    with pytest.raises(InputError, match="out of GPU memory for a batch of one of the photos"):
        embed.of_photos(Fake(holds=0), photos(3))


def test_progress_and_speed_are_told(told, monkeypatch):
    monkeypatch.setattr(embed, "PROGRESS_EVERY_S", 0.0)
    embed.of_photos(Fake(), photos(100))
    assert told()[:2] == ["embedded 64 of 100 photos", "embedded 100 of 100 photos"]
    assert "on cpu" in told()[2]
    assert "embeddings/s" in told()[2]


def test_the_size_of_batches_does_not_matter(monkeypatch):
    torch.manual_seed(0)
    network = timm.create_model("vit_tiny_patch16_224", depth=2, num_classes=0, img_size=32).eval()
    backbone = Fake()
    monkeypatch.setattr(backbone, "encode_image", network.forward)
    backbone.embedding_width = 192
    made = []
    for size in (1, 3, 64):
        monkeypatch.setattr(embed, "CPU_BATCH", size)
        made.append(embed.of_photos(backbone, photos(10, 32)))
    assert made[0].std() > 0.1
    np.testing.assert_allclose(made[1], made[0], atol=1e-5, rtol=0)
    np.testing.assert_allclose(made[2], made[0], atol=1e-5, rtol=0)


def test_prompts_asked_of_a_backbone_without_a_text_tower(tmp_path):
    record = tmp_path / "weights.json"
    records.write(record, "vit_b", has_text=False)
    with pytest.raises(InputError, match=r"backbones\.vit_b.*no text tower.*prompts 'words'"):
        embed.require_text_tower(record, "words")
    records.write(record, "vit_b")
    embed.require_text_tower(record, "words")
