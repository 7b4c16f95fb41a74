"""Backbones, and the embeddings made with them, against the libraries' own preprocessing and
encoding of PIL photos.

Architectures are full-size (SigLIP's vocabulary is cut to 1,000 words), weights random with a fixed
seed. Each is saved to a folder, loaded by `loading.load`, compared and thrown away before the
next, so that one lies on the disk at a time.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import open_clip
import pytest
import timm
import torch
import transformers
import yaml
from PIL import Image
from safetensors.torch import save_file
from timm.models import save_for_hf
from tokenizers import Tokenizer, models, pre_tokenizers

from stillact.config.backbones import Backbone
from stillact.core.errors import InputError
from stillact.data import preprocess
from stillact.data.pixels import upright
from stillact.data.preprocessing import Preprocessing
from stillact.models import embed, weights
from stillact.models.backbones import base, loading
from stillact.study.load import load as load_study

ROOT = Path(__file__).parents[4]
TEXTS = ["sitting", "A photo of a person standing."]
SMALL = "ViT-S-32-alt"  # the smallest that open_clip has a name for


def block(loader: str, name: str, path: Path) -> Backbone:
    return Backbone(loader=loader, name=name, weights=str(path))


def load(loader: str, name: str, path: Path) -> base.Backbone:
    return loading.load(block(loader, name, path), path)


def photo(width: int, height: int) -> Image.Image:
    """A gradient with noise."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    noise = np.random.default_rng(0).normal(0, 20, (height, width, 3))
    pixels = np.stack([x, y, 255 - x], axis=2) + noise
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


PHOTOS = [photo(400, 300), photo(211, 333), photo(900, 150), photo(100, 90)]


@dataclass
class Case:
    """A backbone as this project loads it, and what the library itself makes of photos and texts.

    preprocess: the library's, of an RGB photo, to (3, 224, 224). image: its embeddings of `seen`.
    first, last: the layers before and after the blocks, by how their parameters' names begin.
    """

    backbone: base.Backbone
    preprocess: Callable[[Image.Image], torch.Tensor]
    seen: list[Image.Image]
    image: torch.Tensor
    texts: torch.Tensor | None
    logit_scale: float | None
    first: set[str]
    last: set[str]


def tokenizer(folder: Path) -> None:
    """A tokenizer of a few words, in the files that the libraries read."""
    words = ["[PAD]", "[UNK]", "sitting", "a", "photo", "of", "person", "standing", ".", "A"]
    made = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="[PAD]", unk_token="[UNK]"
    ).save_pretrained(folder)


def packed(backbone: base.Backbone, photo: Image.Image) -> Image.Image:
    how = (backbone.size, backbone.geometry, backbone.interpolation, backbone.crop)
    return preprocess.square(photo, Preprocessing(*how))


def pack(backbone: base.Backbone, photos: Sequence[Image.Image]) -> np.ndarray:
    """As they lie in the packed array, (photos, size, size, 3)."""
    return np.stack([np.asarray(packed(backbone, photo)) for photo in photos])


def normalised(backbone: base.Backbone, photos: Sequence[Image.Image]) -> torch.Tensor:
    return backbone.normalise(torch.from_numpy(pack(backbone, photos)).permute(0, 3, 1, 2))


def save_open_clip(model: torch.nn.Module, settings: dict, preprocessing: dict, folder: Path):
    """As open_clip's own save for the hub writes it."""
    written = {"model_cfg": settings, "preprocess_cfg": preprocessing}
    (folder / "open_clip_config.json").write_text(json.dumps(written))
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")


def open_clip_case(folder, name, preprocessing, text, first, last) -> Case:
    settings = open_clip.get_model_config(name)
    settings["text_cfg"].update(text)
    model = open_clip.create_model(name, pretrained_text=False, text_cfg=settings["text_cfg"])
    save_open_clip(model, settings, preprocessing, folder)
    tokenizer(folder)
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    tokens = open_clip.get_tokenizer(f"local-dir:{folder}")(TEXTS)
    return Case(
        load("open_clip", "local-dir:", folder),
        preprocess,
        PHOTOS,
        model.eval().encode_image(torch.stack([preprocess(photo) for photo in PHOTOS])),
        model.encode_text(tokens),
        model.logit_scale.exp().item(),
        first,
        last,
    )


def clip(folder: Path) -> Case:
    first = {"class_embedding", "positional_embedding", "conv1", "ln_pre"}
    return open_clip_case(folder, "ViT-B-32-quickgelu", {}, {}, first, {"proj", "ln_post"})


def siglip(folder: Path) -> Case:
    grey = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic"}
    grey |= {"resize_mode": "squash"}
    first, last = {"trunk.pos_embed", "trunk.patch_embed"}, {"trunk.norm", "trunk.attn_pool"}
    return open_clip_case(folder, "ViT-B-16-SigLIP", grey, {"vocab_size": 1000}, first, last)


def transformers_preprocess(folder: Path) -> Callable[[Image.Image], torch.Tensor]:
    processor = transformers.AutoImageProcessor.from_pretrained(folder)
    return lambda photo: processor(photo, return_tensors="pt").pixel_values[0]


def siglip2(folder: Path) -> Case:
    """google/siglip2-base-patch16-224 has the configuration of SiglipModel's defaults."""
    settings = {"vocab_size": 1000, "bos_token_id": 2, "eos_token_id": 1, "pad_token_id": 0}
    model = transformers.SiglipModel(transformers.SiglipConfig(text_config=settings))
    transformers.SiglipImageProcessor(resample=2).save_pretrained(folder)
    last = {"tower.post_layernorm", "tower.head"}
    return transformers_case(
        folder,
        "siglip",
        model,
        64,
        {"tower.embeddings"},
        last,
        open_clip.tokenizer.canonicalize_text,
    )


def transformers_clip(folder: Path) -> Case:
    """openai/clip-vit-base-patch32 has the configuration of CLIPModel's defaults."""
    settings = {"vocab_size": 1000, "bos_token_id": 2, "eos_token_id": 8, "pad_token_id": 0}
    model = transformers.CLIPModel(transformers.CLIPConfig(text_config=settings))
    transformers.CLIPImageProcessor().save_pretrained(folder)
    first, last = {"tower.embeddings", "tower.pre_"}, {"tower.post_layernorm", "projection"}
    return transformers_case(folder, "clip", model, 77, first, last)


def transformers_case(folder, name, model, length, first, last, clean=str.lower) -> Case:
    model.save_pretrained(folder)
    tokenizer(folder)
    model = transformers.AutoModel.from_pretrained(folder)
    made, preprocess = load("transformers", name, folder), transformers_preprocess(folder)
    seen = [packed(made, photo) for photo in PHOTOS]
    pixels = torch.stack([preprocess(photo) for photo in seen])
    settings = dict(padding="max_length", max_length=length, return_tensors="pt")
    tokens = transformers.AutoTokenizer.from_pretrained(folder)(
        [clean(text) for text in TEXTS], **settings
    )
    return Case(
        made,
        preprocess,
        seen,
        model.get_image_features(pixels).pooler_output,
        model.get_text_features(tokens.input_ids).pooler_output,
        model.logit_scale.exp().item(),
        first,
        last,
    )


def vit(folder: Path) -> Case:
    """google/vit-base-patch16-224-in21k has the configuration of ViTModel's defaults."""
    transformers.ViTModel(transformers.ViTConfig()).save_pretrained(folder)
    transformers.ViTImageProcessor().save_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder)
    made, preprocess = load("transformers", "vit", folder), transformers_preprocess(folder)
    seen = [packed(made, photo) for photo in PHOTOS]
    # transformers' own classifier takes the class token after the final norm, too
    classifier = transformers.ViTForImageClassification(model.config).eval()
    classifier.vit.load_state_dict(model.state_dict(), strict=False)  # it has no pooler
    classifier.classifier = torch.nn.Identity()
    embedding = classifier(torch.stack([preprocess(photo) for photo in seen])).logits
    last = {"tower.layernorm"}
    return Case(made, preprocess, seen, embedding, None, None, {"tower.embeddings"}, last)


def timm_vit(folder: Path) -> Case:
    """Its transform takes the centre of a larger photo (crop_pct is .9)."""
    save_for_hf(timm.create_model("vit_base_patch16_224"), str(folder), safe_serialization=True)
    model = timm.create_model(f"local-dir:{folder}", pretrained=True, num_classes=0).eval()
    preprocess = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
    made = load("timm", "local-dir:", folder)
    embedding = model(torch.stack([preprocess(photo) for photo in PHOTOS]))
    first = {"cls_token", "pos_embed", "patch_embed"}
    return Case(made, preprocess, PHOTOS, embedding, None, None, first, {"norm"})


# transformers resizes tensors, not with Pillow: its embeddings are of photos resized by this
# project (`Case.seen`), those of the others are of the photos themselves.
CASES = {
    "clip-of-photos": clip,
    "siglip-of-photos": siglip,
    "siglip2-of-packed-photos": siglip2,
    "transformers_clip-of-packed-photos": transformers_clip,
    "vit-of-packed-photos": vit,
    "timm_vit-of-photos": timm_vit,
}


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES)
def case(request, tmp_path_factory) -> Iterator[Case]:
    folder = tmp_path_factory.mktemp(request.param.__name__)
    torch.manual_seed(0)
    with torch.no_grad():
        yield request.param(folder)
    shutil.rmtree(folder)


def coco() -> list[Image.Image]:
    """A dozen of COCO's photographs, in sRGB: the libraries ignore an embedded profile."""
    root = os.environ.get("STILLACT_COCO")
    if root is None:
        pytest.skip("STILLACT_COCO is not set: no real photographs here")
    files = sorted(Path(root, "val2017").glob("*.jpg"))[:12]
    assert files
    return [upright(Image.open(file)) for file in files]


@pytest.mark.parametrize("photos", [lambda: PHOTOS, coco], ids=["made", "coco"])
def test_packed_and_normalised_photos_are_the_librarys_pixels(case, photos):
    made = normalised(case.backbone, photos())
    theirs = torch.stack([case.preprocess(photo) for photo in photos()])
    assert (made.shape, made.dtype) == (theirs.shape, torch.float32)
    apart = ((made - theirs) * torch.tensor(case.backbone.std).view(3, 1, 1)).abs().max()
    resized_by_pillow = case.seen is PHOTOS
    assert apart < (1e-6 if resized_by_pillow else 1 / 255 + 1e-6)  # of [0, 1]


def test_embeddings_are_the_librarys(case):
    made = embed.of_photos(case.backbone, pack(case.backbone, case.seen))
    assert made.shape == (len(PHOTOS), case.backbone.embedding_width)
    assert made.std() > 1e-3
    np.testing.assert_allclose(made, case.image.numpy(), atol=1e-5, rtol=0)


@torch.no_grad()
def test_text_embeddings_are_the_librarys(case):
    assert case.backbone.has_text == (case.texts is not None)
    assert case.backbone.logit_scale == case.logit_scale
    if case.texts is None:
        with pytest.raises(InputError, match="no text tower"):
            case.backbone.encode_text(TEXTS)
    else:
        made = embed.of_texts(case.backbone, TEXTS)
        assert not np.allclose(made[0], made[1], atol=1e-3)
        np.testing.assert_allclose(made, case.texts.numpy(), atol=1e-5, rtol=0)


def test_layers_are_numbered_from_the_patches_to_the_projection(case):
    made = case.backbone
    images = {name: p for name, p in made.named_parameters() if name.startswith("image.")}
    layers = {layer: [n for n in images if made.layer_of(n) == layer] for layer in range(14)}
    assert made.last_layer == 13
    assert sum(map(len, layers.values())) == len(images)
    for layer, beginnings in ((0, case.first), (13, case.last)):
        short = {n.removeprefix("image.") for n in layers[layer]}
        assert all(any(n.startswith(b) for n in short) for b in beginnings)
        assert all(n.startswith(tuple(beginnings)) for n in short)
    assert len(made.blocks()) == 12
    for number, part in enumerate(made.blocks(), 1):
        assert {id(images[n]) for n in layers[number]} == {id(p) for p in part.parameters()}


# Smaller ones: how they are named and found, and what is said of those that cannot be loaded.


@pytest.fixture
def small(tmp_path) -> Path:
    """A folder with a timm ViT."""
    model = timm.create_model("vit_tiny_patch16_224", depth=2)
    save_for_hf(model, str(tmp_path), safe_serialization=True)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "width", "blocks", "last"),
    [
        ("vit_small_patch32_224.augreg_in21k", 384, 12, 13),
        ("vit_small_patch14_dinov2.lvd142m", 384, 12, 13),
        ("vit_small_patch16_dinov3.lvd1689m", 384, 0, 12),
        ("efficientnet_lite0", 1280, 0, None),
    ],
)
def test_a_timm_backbone_takes_a_config_block_and_nothing_else(tmp_path, name, width, blocks, last):
    file = tmp_path / "mine.safetensors"
    torch.manual_seed(0)
    saved = timm.create_model(name, num_classes=7).eval()
    save_file(saved.state_dict(), file)
    raw = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    raw["backbones"]["mine"] = {"loader": "timm", "name": name, "weights": str(file)}
    made_from = load_study(raw).backbones["mine"]
    record = weights.fetch(made_from, "mine", tmp_path)
    made = loading.load(made_from, Path(record["folder"]))
    pixels = normalised(made, PHOTOS[:1])
    with torch.no_grad():
        embedding = saved.forward_head(saved.forward_features(pixels), pre_logits=True)
        torch.testing.assert_close(made.encode_image(pixels), embedding, atol=1e-5, rtol=0)
    assert (made.embedding_width, len(made.blocks())) == (width, blocks)
    assert made.last_layer == (last or made.last_layer)
    assert {made.layer_of(n) for n, _ in made.named_parameters()} == set(range(made.last_layer + 1))


def published(made_from: Backbone) -> set[str]:
    """The ids on the hub of the weights that a library has for an architecture."""
    if made_from.loader == "timm":
        return {timm.get_pretrained_cfg(made_from.name).hf_hub_id}
    tags = open_clip.list_pretrained_tags_by_model(made_from.name)
    found = [open_clip.get_pretrained_cfg(made_from.name, tag)["hf_hub"] for tag in tags]
    return {repository.strip("/") for repository in found}


def test_the_studys_backbones_are_named_as_the_libraries_name_their_weights():
    made_from = load_study(yaml.safe_load((ROOT / "config.yaml").read_text())).backbones
    named = {name: made for name, made in made_from.items() if made.loader != "transformers"}
    assert {"clip", "clip_b16", "clip_l14", "dinov2_s", "dinov3_b"} <= set(named)
    for name, made in named.items():
        assert made.package or made.repository in published(made), name
    for name, made in made_from.items():
        assert len(made.revision) == (64 if made.package else 40), name
        assert made.licence, name


def test_the_layers_of_a_timm_vit_are_timms(small):
    """timm puts the final norm to the last block; here it goes with what follows the blocks."""
    made = load("timm", "local-dir:", small)
    groups = timm.models.group_parameters(made.image, made.image.group_matcher(), reverse=True)
    blocks = {name: layer for name, layer in groups.items() if not name.startswith("norm.")}
    assert {name: made.layer_of(f"image.{name}") for name in blocks} == blocks


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_an_open_clip_state_dict_is_loaded_by_name(tmp_path, suffix):
    torch.manual_seed(0)
    model = open_clip.create_model(SMALL).eval()
    file = tmp_path / f"w{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(model.state_dict(), file)
    made = load("open_clip", SMALL, file)
    assert (made.size, made.interpolation, made.geometry) == (224, "bicubic", "resize_crop")
    assert made.mean == open_clip.OPENAI_DATASET_MEAN
    tokens = open_clip.get_tokenizer(SMALL)(TEXTS)
    with torch.no_grad():
        torch.testing.assert_close(made.encode_text(TEXTS), model.encode_text(tokens))
    # CLIP reads 77 tokens, of which two mark the start and the end.
    fits = [" ".join(["dog"] * 75), "a dog."]
    assert made.tokenize(fits).equal(open_clip.get_tokenizer(SMALL)(fits))
    for text in ("dog " * 76, "dog " * 75 + "a", "dog " * 200):
        with pytest.raises(InputError, match=r"'dog dog .* longer than the 77 tokens"):
            made.tokenize(["a dog", text.strip()])


def test_facts_and_the_way_back_from_a_record(small, tmp_path_factory):
    record = weights.fetch(block("timm", "local-dir:", small), "mine", "unused")
    made = load("timm", "local-dir:", small)
    facts = loading.facts(made)
    assert facts == {
        **{"size": 224, "geometry": "resize_crop", "interpolation": "bicubic", "crop": 0.9},
        **{"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5), "embedding_width": 192},
        **{"logit_scale": None, "has_text": False, "projects": False, "blocks": 2},
        "image_parameters": sum(tensor.numel() for tensor in made.state_dict().values()),
    }
    file = tmp_path_factory.mktemp("record") / "weights.json"
    file.write_text(json.dumps({**record, "facts": facts}))
    again = loading.from_record(file)
    assert all(torch.equal(t, again.state_dict()[name]) for name, t in made.state_dict().items())
    assert not again.training


def message(loader: str, name: str, path: Path) -> str:
    with pytest.raises(InputError) as error:
        load(loader, name, path)
    return str(error.value)


@pytest.mark.parametrize(
    ("loader", "name", "nearest"),
    [
        ("open_clip", "ViT-B32", "ViT-B-32"),
        ("timm", "vit_base_patch16_225", "vit_base_patch16_224"),
        ("transformers", "siglip2", "siglip"),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest(tmp_path, loader, name, nearest):
    told = message(loader, name, tmp_path)
    assert f"{name!r}" in told
    assert f'Did you mean "{nearest}"?' in told


def test_timm_weights_that_do_not_fit_are_told_by_their_keys(small):
    told = message("timm", "vit_small_patch16_224", small)
    assert "120 missing: blocks.10.attn.proj.bias, " in told
    assert "cls_token (1, 1, 192) instead of (1, 1, 384)" in told
    tensors = weights.read(small / "model.safetensors")
    tensors["stray"] = tensors.pop("cls_token")
    save_file(tensors, small / "model.safetensors")
    told = message("timm", "local-dir:", small)
    assert "1 missing: cls_token; 1 unexpected: stray" in told


def test_open_clip_weights_that_do_not_fit_are_told_by_their_keys(tmp_path):
    tensors = open_clip.create_model(SMALL).state_dict()
    file = tmp_path / "w.safetensors"
    larger = torch.zeros(65, tensors["visual.positional_embedding"].shape[1])
    save_file({**tensors, "visual.positional_embedding": larger}, file)
    told = message("open_clip", SMALL, file)
    assert "visual.positional_embedding (65, 384) instead of (50, 384)" in told
    del tensors["ln_final.bias"]
    save_file({**tensors, "stray": torch.zeros(1)}, file)
    assert "1 missing: ln_final.bias; 1 unexpected: stray" in message("open_clip", SMALL, file)


def test_a_named_open_clip_model_is_preprocessed_for_as_its_folder_says(tmp_path):
    grey = {"mean": [0.5] * 3, "std": [0.25] * 3, "resize_mode": "squash"}
    model = open_clip.create_model(SMALL)
    save_open_clip(model, open_clip.get_model_config(SMALL), grey, tmp_path)
    made = load("open_clip", SMALL, tmp_path)
    assert (made.mean, made.std, made.geometry) == ((0.5,) * 3, (0.25,) * 3, "squash")


def test_open_clip_weights_trained_with_another_activation_are_told(tmp_path):
    model = open_clip.create_model(SMALL)
    settings = {**open_clip.get_model_config(SMALL), "quick_gelu": True}
    save_open_clip(model, settings, {}, tmp_path)
    assert "quick_gelu" in message("open_clip", SMALL, tmp_path)


def test_transformers_weights_that_do_not_fit_are_told_by_their_keys(tmp_path):
    settings = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    made = transformers.ViTModel(transformers.ViTConfig(**settings, intermediate_size=64))
    made.save_pretrained(tmp_path)
    file = tmp_path / "model.safetensors"
    tensors = weights.read(file)
    tensors["stray"] = tensors.pop("layernorm.weight")
    tensors["layernorm.bias"] = torch.zeros(3)
    save_file(tensors, file, metadata={"format": "pt"})
    told = message("transformers", "vit", tmp_path)
    assert "1 missing: layernorm.weight; 1 unexpected: stray" in told
    assert "layernorm.bias (3,) instead of (32,)" in told
    assert "type 'vit'" in message("transformers", "siglip", tmp_path)


def test_a_vit_is_loaded_with_and_without_the_layers_of_its_pre_training(tmp_path):
    settings = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.ViTConfig(**settings, intermediate_size=64)
    made = []
    for kind in (transformers.ViTModel, transformers.ViTForImageClassification):
        folder = tmp_path / kind.__name__
        kind(config).save_pretrained(folder)
        transformers.ViTImageProcessor().save_pretrained(folder)
        made.append(load("transformers", "vit", folder))
    names = [[name for name, _ in backbone.image.named_parameters()] for backbone in made]
    assert names[0] == names[1]
    assert not any("pooler" in name or "classifier" in name for name in names[0])


def test_texts_without_a_tokenizer_are_told(tmp_path):
    """Photos can be embedded without one."""
    tower = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    towers = {"vision_config": tower, "text_config": {**tower, "vocab_size": 9}}
    transformers.SiglipModel(transformers.SiglipConfig(**towers)).save_pretrained(tmp_path)
    transformers.SiglipImageProcessor().save_pretrained(tmp_path)
    made = load("transformers", "siglip", tmp_path)
    assert embed.of_photos(made, pack(made, PHOTOS[:1])).shape == (1, 32)
    with pytest.raises(InputError, match="no tokenizer"):
        embed.of_texts(made, TEXTS)


def test_an_image_tower_that_is_no_transformer_is_told(tmp_path):
    assert "RN50: a ResNet has no transformer blocks" in message("open_clip", "RN50", tmp_path)


def test_folders_that_lack_something_are_told(small, tmp_path):
    assert "no weights of vit there" in message("transformers", "vit", tmp_path / "nowhere")
    assert "no open_clip_config.json" in message("open_clip", "local-dir:", small)
    (small / "config.json").unlink()
    assert "no config.json" in message("timm", "local-dir:", small)
    (small / "model.safetensors").unlink()
    assert "no weights that timm reads" in message("timm", "vit_tiny_patch16_224", small)


@pytest.mark.parametrize("loader", ["open_clip", "timm"])
def test_truncated_weights_are_told(tmp_path, loader):
    file = tmp_path / "w.safetensors"
    save_file({"a": torch.zeros(100)}, file)
    file.write_bytes(file.read_bytes()[:-1])
    name = {"open_clip": SMALL, "timm": "vit_tiny_patch16_224"}[loader]
    assert "truncated" in message(loader, name, file)


def rewrite(file: Path, change: Callable[[dict], dict]) -> None:
    file.write_text(json.dumps(change(json.loads(file.read_text()))))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"crop_mode": "border"}, "'border'"),
        ({"interpolation": "lanczos"}, "'lanczos'"),
    ],
)
def test_a_timm_preprocessing_that_cannot_be_had_is_told(small, changes, told):
    rewrite(
        small / "config.json", lambda c: {**c, "pretrained_cfg": {**c["pretrained_cfg"], **changes}}
    )
    assert told in message("timm", "local-dir:", small)


def test_a_model_for_photos_that_are_not_square_is_told(tmp_path):
    model = timm.create_model("vit_tiny_patch16_224", depth=1, img_size=(224, 192))
    save_for_hf(model, str(tmp_path), safe_serialization=True)
    assert "192 by 224 pixels" in message("timm", "local-dir:", tmp_path)


def test_an_open_clip_preprocessing_that_cannot_be_had_is_told(tmp_path):
    model = open_clip.create_model(SMALL)
    longest = {"resize_mode": "longest"}
    save_open_clip(model, open_clip.get_model_config(SMALL), longest, tmp_path)
    assert "'longest'" in message("open_clip", SMALL, tmp_path)


@pytest.mark.parametrize(
    ("changes", "told"),
    [({"size": {"shortest_edge": 224}}, "'crop'"), ({"resample": 1}, "'1'")],
)
def test_a_transformers_preprocessing_that_cannot_be_had_is_told(tmp_path, changes, told):
    settings = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    made = transformers.ViTModel(transformers.ViTConfig(**settings, intermediate_size=64))
    made.save_pretrained(tmp_path)
    transformers.ViTImageProcessor().save_pretrained(tmp_path)
    rewrite(tmp_path / "preprocessor_config.json", lambda c: {**c, **changes})
    assert told in message("transformers", "vit", tmp_path)
