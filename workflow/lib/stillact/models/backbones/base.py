"""The interface to a pretrained encoder of images (and texts), and what its loaders share."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import torch
from torch import nn
from torch.func import functional_call

from stillact.config.backbones import Backbone as Block
from stillact.core.errors import InputError, did_you_mean

LOCAL = "local-dir:"  # the name that open_clip and timm have for "see the config in the folder"
# What the libraries call the ways to square a photo, and `images.square` calls them.
GEOMETRIES = {"shortest": "resize_crop", "center": "resize_crop", "squash": "squash"}
INTERPOLATIONS = ("bicubic", "bilinear")
# What an image tower's last projection is called: by open_clip, in its own towers and around
# timm's, and in the towers of transformers.
PROJECTIONS = ("proj", "head.proj.weight", "trunk.head.weight", "projection.weight")


class Backbone(nn.Module):
    """A pretrained model: photos, and texts where it has a text tower, to embeddings.

    Embeddings are those that the model's authors compare or classify by: pooled, projected where
    there is a projection, not L2-normalised. Parameters of the image tower are named `image.*`,
    those of the text tower `text.*`.

    Attributes:
        embedding_width: length of an embedding.
        size: side of the square input, pixels.
        mean, std: three floats each, of RGB in [0, 1].
        geometry, interpolation, crop: how the authors bring a photo to `size`, in the words of
            `images.square`: "resize_crop" or "squash", "bicubic" or "bilinear", and timm's crop_pct
            (1.0 with the other loaders).
        image, text: the towers; `text` is None where there is none, and may be set to None.
        logit_scale: what cosine similarities are multiplied by; None without a text tower.
        last_layer: the largest number that `layer_of` gives.
    """

    def __init__(
        self,
        image: nn.Module,
        preprocessing: dict,
        embedding_width: int,
        blocks: str | None,
        layers: dict[str, int],
        text: nn.Module | None = None,
        tokenizer: Callable[[], Callable[[list[str]], torch.Tensor]] | None = None,
        logit_scale: float | None = None,
    ):
        super().__init__()
        self.image, self.text = image, text
        self.embedding_width = embedding_width
        self.size: int = preprocessing["size"]
        self.mean: tuple[float, ...] = tuple(preprocessing["mean"])
        self.std: tuple[float, ...] = tuple(preprocessing["std"])
        self.geometry: str = preprocessing["geometry"]
        self.interpolation: str = preprocessing["interpolation"]
        self.crop: float = preprocessing["crop"]
        self.logit_scale = logit_scale
        self.last_layer = max(layers.values())
        self._blocks, self._layers, self._tokenizer = blocks, layers, tokenizer

    @property
    def has_text(self) -> bool:
        return self.text is not None

    def normalise(self, images: torch.Tensor) -> torch.Tensor:
        """Photos (batch, 3, size, size), uint8 or float in [0, 255], to what the model expects."""
        mean, std = (
            torch.tensor(values, device=images.device).view(3, 1, 1)
            for values in (self.mean, self.std)
        )
        return (images.float() / 255 - mean) / std

    def encode_image(self, images: torch.Tensor) -> torch.Tensor:
        """Normalised float32 images (batch, 3, size, size) to embeddings (batch, width)."""
        return self.image(images)

    @property
    def projects(self) -> bool:
        """Whether the image tower ends in a projection, as those of CLIP do and SigLIP's do not."""
        return any(name in PROJECTIONS for name, _ in self.image.named_parameters())

    @property
    def projection(self) -> torch.Tensor:
        """The image tower's last matrix, float32 (unprojected width, embedding width): embeddings
        are what `encode_unprojected` gives times it. A bias is its last row.

        Raises:
            InputError: the tower has none.
        """
        (name, weight), *bias = self._projection().items()
        matrix = weight if name == "proj" else weight.T  # layers multiply from the other side
        return torch.cat([matrix, *(row[None] for _, row in bias)])

    def encode_unprojected(self, images: torch.Tensor) -> torch.Tensor:
        """Normalised images, as for `encode_image`, to what the projection is applied to, float32
        (batch, unprojected width); where it has a bias, a 1 comes last.

        Raises:
            InputError: the tower has no projection.
        """
        weight, *bias = self._projection()
        same = torch.eye(len(self.projection), device=images.device)
        through = {weight: same[:, : len(same) - len(bias)], **{name: same[-1] for name in bias}}
        return functional_call(self.image, through, images)

    def _projection(self) -> dict[str, torch.Tensor]:
        """The projection's matrix and, where it has one, its bias, by their names in the tower."""
        found = {name: parameter.detach() for name, parameter in self.image.named_parameters()}
        for weight in PROJECTIONS:
            names = (weight, weight.removesuffix("weight") + "bias")
            if weight in found:
                return {name: found[name] for name in names if name in found}
        raise InputError(
            "this backbone's image tower has no projection; train another recipe on it, such as "
            "linear_probe, or take one of CLIP's"
        )

    def encode_text(self, texts: list[str]) -> torch.Tensor:
        """Texts to embeddings (texts, width).

        Raises:
            InputError: the model has no text tower, or its folder no tokenizer.
        """
        tokens = self.tokenize(texts)
        return self.text(tokens.to(next(self.text.parameters()).device))

    def tokenize(self, texts: list[str]) -> torch.Tensor:
        """Texts to what the text tower takes, int64 (texts, length).

        Raises:
            InputError: as `encode_text`.
        """
        if self.text is None:
            raise InputError("this backbone has no text tower; take open_clip's, or siglip")
        return self._tokenizer()(texts)

    def blocks(self) -> list[nn.Module]:
        """The image tower's transformer blocks, first to last; none where it is no transformer."""
        return [] if self._blocks is None else list(self.get_submodule(f"image.{self._blocks}"))

    def layer_of(self, parameter: str) -> int:
        """The layer of a parameter of the image tower, for layer-wise learning-rate decay.

        Args:
            parameter: its name in `named_parameters()`, `image.` in front.

        Returns:
            0 for patch and position embeddings, i for block i (counted from 1), `last_layer` for
            the final norm, pooling and projection.
        """
        return self._layers[parameter.removeprefix("image.")]


def preprocessing(
    source: Path,
    sides: Sequence[int],
    way: str,
    interpolation: str,
    mean: Sequence[float],
    std: Sequence[float],
    crop: float = 1.0,
) -> dict:
    """What `Backbone` is told of how its authors see a photo.

    Raises:
        InputError: they see it in a way that `images.square` has not.
    """
    height, width = sides
    if height != width or way not in GEOMETRIES or interpolation not in INTERPOLATIONS:
        raise InputError(
            f"{source}: made for photos of {width} by {height} pixels, resized {way!r} and "
            f"{interpolation!r}; what can be had are squares, {' or '.join(GEOMETRIES)}, "
            f"{' or '.join(INTERPOLATIONS)}. Take another model, or change its preprocessing config"
        )
    return {
        "size": width,
        "geometry": GEOMETRIES[way],
        "interpolation": interpolation,
        "crop": crop,
        "mean": mean,
        "std": std,
    }


def layers(tower: nn.Module, blocks: str, after: tuple[str, ...]) -> dict[str, int]:
    """The layer of each parameter: those under `blocks` by their place there, those whose names
    begin with one of `after` last, all others first."""
    last = len(tower.get_submodule(blocks)) + 1

    def layer(name: str) -> int:
        if name.startswith(f"{blocks}."):
            return int(name.removeprefix(f"{blocks}.").split(".")[0]) + 1
        return last if name.startswith(after) else 0

    return {name: layer(name) for name, _ in tower.named_parameters()}


def unknown(block: Block, known: Iterable[str]) -> NoReturn:
    """Raise that a loader has no model of the name, with the nearest that it has."""
    listed = f"{block.loader}.list_models()"
    if block.loader == "transformers":
        listed = "clip, siglip or vit"
    raise InputError(
        f"no model {block.name!r} for the loader {block.loader}.{did_you_mean(block.name, known)} "
        f"The backbone's name is one of {listed}"
    )


def require(folder: Path, name: str) -> None:
    """Raise where a folder of weights lacks a file."""
    if not (folder / name).is_file():
        raise InputError(f"{folder}: there is no {name} in it; give the folder of a saved model")


@contextlib.contextmanager
def tokenizer_there(folder: Path) -> Iterator[None]:
    """Tell of a folder without a tokenizer in this project's words."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise InputError(
            f"{folder}: no tokenizer; give a folder that holds the model's own tokenizer files too"
        ) from error
