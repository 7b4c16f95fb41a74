"""The interface of a pretrained encoder of images (and texts), and helpers of its loaders."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import nn
from torch.func import functional_call

from stillact.config.backbones import Backbone as Block
from stillact.core.errors import InputError, did_you_mean

LOCAL = "local-dir:"  # name of open_clip and timm for a model described by the folder's config
# Geometries: names of the libraries, and those of `preprocess.square`.
GEOMETRIES = {"shortest": "resize_crop", "center": "resize_crop", "squash": "squash"}
INTERPOLATIONS = ("bicubic", "bilinear")
# Names of an image tower's last projection: in open_clip's own towers, in its wrappers of timm's,
# and in the towers of transformers.
PROJECTIONS = ("proj", "head.proj.weight", "trunk.head.weight", "projection.weight")


class Backbone(nn.Module):
    """A pretrained model: embeds photos, and texts if it has a text tower.

    Embeddings are those that the model's authors compare or classify: pooled, projected if there is
    a projection, not L2-normalised. Parameters of the image tower are named `image.*`, those of the
    text tower `text.*`.

    Attributes:
        embedding_width: length of an embedding.
        size: side of the square input, pixels.
        mean, std: three floats each, of RGB in [0, 1].
        geometry, interpolation, crop: preprocessing of the authors, as for `preprocess.square`:
            "resize_crop" or "squash", "bicubic" or "bilinear", and timm's crop_pct (1.0 with the
            other loaders).
        image, text: the towers; `text` is None if there is none, and may be set to None.
        logit_scale: factor of the cosine similarities; None without a text tower.
        last_layer: the largest value of `layer_of`.
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
        """Normalise photos (batch, 3, size, size), uint8 or float in [0, 255], for the model."""
        mean, std = (
            torch.tensor(values, device=images.device).view(3, 1, 1)
            for values in (self.mean, self.std)
        )
        return (images.float() / 255 - mean) / std

    def encode_image(self, images: torch.Tensor) -> torch.Tensor:
        """Embed normalised float32 images (batch, 3, size, size): float32 embeddings (batch,
        width), computed in the precision of the image tower's parameters."""
        return self.image(images.to(self.dtype)).float()

    @property
    def dtype(self) -> torch.dtype:
        """The type of the image tower's parameters: float32, unless converted."""
        return next(self.image.parameters()).dtype

    @property
    def projects(self) -> bool:
        """Whether the image tower ends in a projection (CLIP does, SigLIP does not)."""
        return any(name in PROJECTIONS for name, _ in self.image.named_parameters())

    @property
    def projection(self) -> torch.Tensor:
        """The image tower's projection matrix, float32 (unprojected width, embedding width).

        Embeddings are the output of `encode_unprojected` times this matrix. A bias is its last row.

        Raises:
            InputError: the tower has no projection.
        """
        (name, weight), *bias = self._projection().items()
        matrix = weight if name == "proj" else weight.T  # linear layers store the transpose
        return torch.cat([matrix, *(row[None] for _, row in bias)])

    def encode_unprojected(self, images: torch.Tensor) -> torch.Tensor:
        """Encode normalised images, as for `encode_image`, without the projection: float32 (batch,
        unprojected width); if the projection has a bias, the last feature is 1.

        Raises:
            InputError: the tower has no projection.
        """
        weight, *bias = self._projection()
        same = torch.eye(len(self.projection), device=images.device, dtype=self.dtype)
        through = {weight: same[:, : len(same) - len(bias)], **{name: same[-1] for name in bias}}
        return functional_call(self.image, through, images.to(self.dtype)).float()

    def _projection(self) -> dict[str, torch.Tensor]:
        """The projection's matrix and, if it has one, its bias, by their names in the tower."""
        found = {name: parameter.detach() for name, parameter in self.image.named_parameters()}
        for weight in PROJECTIONS:
            names = (weight, weight.removesuffix("weight") + "bias")
            if weight in found:
                return {name: found[name] for name in names if name in found}
        raise InputError(
            "this backbone's image tower has no projection; train another recipe on it, such as "
            "linear_probe, or use a CLIP backbone"
        )

    def encode_text(self, texts: list[str]) -> torch.Tensor:
        """Embed texts: embeddings (texts, width).

        Raises:
            InputError: the model has no text tower, or its folder has no tokenizer.
        """
        tokens = self.tokenize(texts)
        return self.text(tokens.to(next(self.text.parameters()).device))

    def tokenize(self, texts: list[str]) -> torch.Tensor:
        """Tokenise texts for the text tower, int64 (texts, length).

        Raises:
            InputError: as for `encode_text`; or a text is longer than the tower's context, of which
                tokenizers silently take the beginning.
        """
        if self.text is None:
            raise InputError("this backbone has no text tower; use one of open_clip, or siglip")
        tokenizer = self._tokenizer()
        tokens = tokenizer(texts)
        # Neither more nor fewer letters change what is left of a text that was cut.
        others = [tokenizer([text + " a" for text in texts]), tokenizer([t[:-1] for t in texts])]
        cut = torch.stack([(tokens == other).all(1) for other in others]).all(0)
        for text, is_cut in zip(texts, cut.tolist(), strict=True):
            if is_cut:
                raise InputError(
                    f"the prompt {text!r} is longer than the {tokens.shape[1]} tokens that this "
                    "backbone reads; shorten it (prompts in config.yaml)"
                )
        return tokens

    def blocks(self) -> list[nn.Module]:
        """The image tower's transformer blocks, first to last; none if it is not a transformer."""
        return [] if self._blocks is None else list(self.get_submodule(f"image.{self._blocks}"))

    def layer_of(self, parameter: str) -> int:
        """The layer of a parameter of the image tower, for layer-wise learning-rate decay.

        Args:
            parameter: its name in `named_parameters()`, with the prefix `image.`.

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
    """The preprocessing argument of `Backbone`.

    Raises:
        InputError: `preprocess.square` does not support the preprocessing.
    """
    height, width = sides
    if height != width or way not in GEOMETRIES or interpolation not in INTERPOLATIONS:
        raise InputError(
            f"{source}: expects photos of {width} by {height} pixels, resized {way!r} and "
            f"{interpolation!r}; supported are squares, {' or '.join(GEOMETRIES)}, "
            f"{' or '.join(INTERPOLATIONS)}. Use another model, or change its preprocessing config"
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
    """The layer of each parameter: those under `blocks` by their block, those whose names begin
    with one of `after` last, all others first."""
    last = len(tower.get_submodule(blocks)) + 1

    def layer(name: str) -> int:
        if name.startswith(f"{blocks}."):
            return int(name.removeprefix(f"{blocks}.").split(".")[0]) + 1
        return last if name.startswith(after) else 0

    return {name: layer(name) for name, _ in tower.named_parameters()}


def unknown(block: Block, known: Iterable[str]) -> NoReturn:
    """Raise an InputError for an unknown model name, with the closest known one."""
    names = list(known)
    listed = f"{block.loader}.list_models()"
    if block.loader not in ("open_clip", "timm"):  # of these there are hundreds
        listed = ", ".join(names)
    raise InputError(
        f"no model {block.name!r} for the loader {block.loader}.{did_you_mean(block.name, names)} "
        f"Use one of {listed}"
    )


def require(folder: Path, name: str) -> None:
    """Raise an InputError if a folder of weights lacks a file."""
    if not (folder / name).is_file():
        raise InputError(f"{folder}: has no {name}; name the folder of a saved model")


def image_processor(folder: Path) -> Any:
    """The image processor of a model of transformers, or an InputError where there is none."""
    import transformers

    try:
        return transformers.AutoImageProcessor.from_pretrained(folder)
    except OSError as error:
        raise InputError(f"{folder}: no preprocessor_config.json; copy the model's own") from error


@contextlib.contextmanager
def tokenizer_there(folder: Path) -> Iterator[None]:
    """Convert errors about a folder without a tokenizer to an InputError."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise InputError(
            f"{folder}: no tokenizer; use a folder that also has the model's own tokenizer files"
        ) from error
