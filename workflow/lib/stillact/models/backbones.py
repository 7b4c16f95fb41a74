"""Pretrained image (and text) encoders of three libraries, behind one interface."""

import contextlib
import functools
import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import torch
from torch import nn
from torch.func import functional_call

from stillact.config.study import Backbone as Block
from stillact.core.errors import InputError, did_you_mean
from stillact.models import weights

OPEN_CLIP_CONFIG = "open_clip_config.json"
LOCAL = "local-dir:"  # the name that open_clip and timm have for "see the config in the folder"
# What the libraries call the ways to square a photo, and `images.square` calls them.
GEOMETRIES = {"shortest": "resize_crop", "center": "resize_crop", "squash": "squash"}
INTERPOLATIONS = ("bicubic", "bilinear")
# What an image tower's last projection is called: by open_clip, in its own towers and around
# timm's, and in `_Pooled`.
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


def load(block: Block, folder: Path) -> Backbone:
    """The backbone of a config block, in eval mode, on the CPU, in float32. Asks no hub.

    Args:
        block: loader and name.
        folder: where its weights are (`weights.place`): a folder, or a file.

    Raises:
        InputError: an unknown name (with the nearest known), nothing to load, weights that do not
            fit (which keys), damaged ones, pickles that hold more than tensors.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"  # read when the libraries are imported
    loaders = {"open_clip": _open_clip, "transformers": _transformers, "timm": _timm}
    if not folder.exists():
        raise InputError(f"{folder}: no weights of {block.name} there; have rule fetch_weights run")
    with _quiet():
        return loaders[block.loader](block, folder).eval()


def from_record(path: Path) -> Backbone:
    """The backbone that a record of rule fetch_weights (weights.json) is about, as from `load`."""
    record = json.loads(path.read_text(encoding="utf-8"))
    block = Block(loader=record["loader"], name=record["name"], weights=record["folder"])
    return load(block, Path(record["folder"]))


def facts(backbone: Backbone) -> dict:
    """What can be said of a backbone without loading it again; goes into JSON as it is."""
    names = ("size", "geometry", "interpolation", "crop", "mean", "std", "embedding_width")
    names += ("logit_scale", "has_text", "projects")
    return {
        **{name: getattr(backbone, name) for name in names},
        "image_parameters": sum(p.numel() for p in backbone.image.parameters()),
        "blocks": len(backbone.blocks()),
    }


# open_clip


def _open_clip(block: Block, folder: Path) -> Backbone:
    import open_clip

    name = _open_clip_name(open_clip, block, folder)
    model = open_clip.create_model(
        name,
        load_weights=False,
        pretrained_text=False,
        force_preprocess_cfg=_open_clip_preprocessing(open_clip, name, folder),
    )
    image = model.visual
    blocks = "trunk.blocks" if hasattr(image, "trunk") else "transformer.resblocks"
    if isinstance(image, open_clip.model.ModifiedResNet):
        raise InputError(f"{block.name}: a ResNet has no transformer blocks; take a ViT")
    (file,) = weights.weight_files(block, folder)
    _load_open_clip(open_clip, model, file, block.name)
    after = ("trunk.norm.", "trunk.fc_norm", "trunk.attn_pool", "trunk.head", "head.")
    after += ("ln_post.", "proj", "attn_pool")
    made = image.preprocess_cfg
    described = (folder / OPEN_CLIP_CONFIG).is_file()
    words = f"{LOCAL}{folder}" if described else name
    tokenizer = functools.cache(lambda: _open_clip_tokenizer(open_clip, words, folder))
    del model.visual  # what is left encodes text
    return Backbone(
        image,
        _preprocessing(
            folder,
            open_clip.transform.to_2tuple(image.image_size),
            made["resize_mode"],
            made["interpolation"],
            made["mean"],
            made["std"],
        ),
        open_clip.get_model_config(name)["embed_dim"],
        blocks,
        _layers(image, blocks, after),
        _OpenClipText(model),
        tokenizer,
        model.logit_scale.exp().item(),
    )


def _open_clip_tokenizer(open_clip, name: str, folder: Path):
    with _tokenizer_there(folder):
        return open_clip.get_tokenizer(name)


class _OpenClipText(nn.Module):
    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.model.encode_text(tokens)


def _open_clip_name(open_clip, block: Block, folder: Path) -> str:
    """What open_clip calls it. Weights fit with the wrong activation too, so that is compared."""
    if block.name == LOCAL:
        _require(folder, OPEN_CLIP_CONFIG)
        return f"{LOCAL}{folder}"
    if block.name not in open_clip.list_models():
        _unknown(block, open_clip.list_models())
    if (folder / OPEN_CLIP_CONFIG).is_file():
        names = (block.name, f"{LOCAL}{folder}")
        named, saved = (open_clip.get_model_config(n).get("quick_gelu", False) for n in names)
        if named != saved:
            raise InputError(
                f"{folder / OPEN_CLIP_CONFIG}: quick_gelu, the activation, is {saved}, and {named} "
                f"for {block.name}; take the name with -quickgelu where it is True, or without"
            )
    return block.name


def _open_clip_preprocessing(open_clip, name: str, folder: Path) -> dict:
    """That of the folder's config, or else of the weights published under the name."""
    if (folder / OPEN_CLIP_CONFIG).is_file():
        saved = json.loads((folder / OPEN_CLIP_CONFIG).read_text(encoding="utf-8"))
        return saved.get("preprocess_cfg", {})
    tags = open_clip.list_pretrained_tags_by_model(name)
    return open_clip.get_pretrained_cfg(name, tags[0]) if tags else {}


def _load_open_clip(open_clip, model: nn.Module, file: Path, name: str) -> None:
    want, got = model.state_dict(), weights.read(file)
    missing, unexpected, reshaped = weights.differences(want, got)
    # open_clip would resample position embeddings of another size without a word
    weights.require_fit(file, name, [], [], [row for row in reshaped if "logit" not in row[0]])
    try:
        open_clip.load_checkpoint(model, str(file))
    except RuntimeError:
        weights.require_fit(file, name, missing, unexpected, [])
        raise


# transformers


def _transformers(block: Block, folder: Path) -> Backbone:
    import transformers

    kinds = {"clip": _clip, "siglip": _siglip, "vit": _vit}
    if block.name not in kinds:
        _unknown(block, kinds)
    transformers.utils.logging.disable_progress_bar()
    _require(folder, "config.json")
    config = transformers.AutoConfig.from_pretrained(folder)
    if config.model_type != block.name:
        raise InputError(
            f"{folder / 'config.json'}: holds a model of type {config.model_type!r}, and the "
            f"backbone's name is {block.name!r}; write the type as its name"
        )
    for file in weights.weight_files(block, folder):
        weights.read(file)  # for its messages
    model, faults = transformers.AutoModel.from_pretrained(
        folder, dtype=torch.float32, output_loading_info=True, ignore_mismatched_sizes=True
    )
    weights.require_fit(
        folder,
        block.name,
        sorted(faults["missing_keys"]),
        sorted(k for k in faults["unexpected_keys"] if not k.endswith("position_ids")),
        sorted(faults["mismatched_keys"]),
    )
    return kinds[block.name](model, folder)


class _Pooled(nn.Module):
    """A tower of transformers that returns its pooled output alone, projected where CLIP does so.

    `options` are told to the tower with every batch.
    """

    def __init__(self, tower: nn.Module, projection: nn.Module | None = None):
        super().__init__()
        self.tower, self.projection = tower, projection
        self.options: dict = {}

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        pooled = self.tower(inputs, **self.options).pooler_output
        return pooled if self.projection is None else self.projection(pooled)


def _clip(model: nn.Module, folder: Path) -> Backbone:
    image = _Pooled(model.vision_model, model.visual_projection)
    text = _Pooled(model.text_model, model.text_projection)
    return _contrastive(model, folder, image, text, model.config.projection_dim)


def _siglip(model: nn.Module, folder: Path) -> Backbone:
    image, text = _Pooled(model.vision_model), _Pooled(model.text_model)
    return _contrastive(model, folder, image, text, model.config.vision_config.hidden_size)


def _contrastive(model: nn.Module, folder: Path, image, text, embedding_width: int) -> Backbone:
    """A model of photos and texts, without what only training needs of it."""
    blocks, after = "tower.encoder.layers", ("tower.post_layernorm.", "tower.head.", "projection.")
    length = model.config.text_config.max_position_embeddings
    return Backbone(
        image,
        _transformers_preprocessing(folder),
        embedding_width,
        blocks,
        _layers(image, blocks, after),
        text,
        functools.cache(lambda: _tokenizer(folder, length)),
        model.logit_scale.exp().item(),
    )


def _vit(model: nn.Module, folder: Path) -> Backbone:
    """Its pooler is what the classifier of pre-training saw: class token, dense layer, tanh."""
    image = _Pooled(model)
    return Backbone(
        image,
        _transformers_preprocessing(folder),
        model.config.pooler_output_size,
        "tower.layers",
        _layers(image, "tower.layers", ("tower.layernorm.", "tower.pooler.")),
    )


def _transformers_preprocessing(folder: Path) -> dict:
    import transformers

    try:
        made = transformers.AutoImageProcessor.from_pretrained(folder)
    except OSError as error:
        raise InputError(f"{folder}: no preprocessor_config.json; copy the model's own") from error
    sides, way = _sides(made)
    return _preprocessing(
        folder,
        sides,
        way,
        {2: "bilinear", 3: "bicubic"}.get(int(made.resample), str(made.resample)),  # PIL numbers
        made.image_mean,
        made.image_std,
    )


def _sides(made) -> tuple[tuple[int, int], str]:
    """Height and width that a processor of transformers ends at, and how, in open_clip's words."""
    size, cropped = made.size, getattr(made, "do_center_crop", False)
    if cropped and size.shortest_edge == made.crop_size.height:
        return (made.crop_size.height, made.crop_size.width), "shortest"
    whole = size.height and size.width and not cropped
    return (size.height, size.width), "squash" if whole else "crop"


def _tokenizer(folder: Path, length: int) -> Callable[[list[str]], torch.Tensor]:
    """Text as SigLIP was trained on it: lower case, padded to full length, without a mask; to CLIP,
    which looks at nothing behind the text's end, padding and case are the same."""
    import transformers

    with _tokenizer_there(folder):
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    settings = dict(padding="max_length", truncation=True, max_length=length, return_tensors="pt")
    return lambda texts: tokenizer([t.lower() for t in texts], **settings)["input_ids"]


# timm


def _timm(block: Block, folder: Path) -> Backbone:
    import timm

    if block.name == LOCAL:
        _require(folder, "config.json")
    elif not timm.is_model(block.name):
        _unknown(block, timm.list_models())
    name = f"{LOCAL}{folder}" if block.name == LOCAL else block.name
    model = timm.create_model(name, pretrained=False, num_classes=0)
    (file,) = weights.weight_files(block, folder)
    got = _without_classifier(weights.read(file), model.pretrained_cfg.get("classifier"))
    weights.require_fit(file, name, *weights.differences(model.state_dict(), got))
    model.load_state_dict(got)
    data = timm.data.resolve_model_data_config(model)
    return Backbone(
        model,
        _preprocessing(
            folder,
            data["input_size"][1:],
            data["crop_mode"],
            data["interpolation"],
            data["mean"],
            data["std"],
            data["crop_pct"],
        ),
        getattr(model, "head_hidden_size", None) or model.num_features,
        *_timm_layers(timm, model),
    )


def _without_classifier(state: dict, classifier: str | tuple[str, ...] | None) -> dict:
    names = (classifier,) if isinstance(classifier, str) else classifier or ()
    dropped = tuple(f"{name}." for name in names)
    return {key: tensor for key, tensor in state.items() if not key.startswith(dropped)}


def _timm_layers(timm, model: nn.Module) -> tuple[str | None, dict[str, int]]:
    """Of a ViT as for the other loaders; of anything else timm's own groups, and no blocks: so of
    DINOv3, which timm builds as an Eva, whose attention turns queries and keys by their place."""
    if isinstance(model, timm.models.VisionTransformer):
        after = ("norm.", "fc_norm.", "attn_pool.", "head")
        return "blocks", _layers(model, "blocks", after)
    return None, timm.models.group_parameters(model, model.group_matcher(), reverse=True)


# all of them


def _preprocessing(
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


def _layers(tower: nn.Module, blocks: str, after: tuple[str, ...]) -> dict[str, int]:
    """The layer of each parameter: those under `blocks` by their place there, those whose names
    begin with one of `after` last, all others first."""
    last = len(tower.get_submodule(blocks)) + 1

    def layer(name: str) -> int:
        if name.startswith(f"{blocks}."):
            return int(name.removeprefix(f"{blocks}.").split(".")[0]) + 1
        return last if name.startswith(after) else 0

    return {name: layer(name) for name, _ in tower.named_parameters()}


def _unknown(block: Block, known: Iterable[str]) -> NoReturn:
    listed = f"{block.loader}.list_models()"
    if block.loader == "transformers":
        listed = "clip, siglip or vit"
    raise InputError(
        f"no model {block.name!r} for the loader {block.loader}.{did_you_mean(block.name, known)} "
        f"The backbone's name is one of {listed}"
    )


def _require(folder: Path, name: str) -> None:
    if not (folder / name).is_file():
        raise InputError(f"{folder}: there is no {name} in it; give the folder of a saved model")


@contextlib.contextmanager
def _tokenizer_there(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        raise InputError(
            f"{folder}: no tokenizer; give a folder that holds the model's own tokenizer files too"
        ) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the libraries' remarks, such as that weights are random before they are loaded."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
