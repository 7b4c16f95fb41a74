"""The heavier backbones of config.yaml, in the widths of their publishers and with random weights,
against the libraries' own embeddings.

With two layers per tower, for which memory and time suffice; STILLACT_FULL_DEPTH=1 takes all layers
(up to 8 GB of memory and minutes). Vocabularies are cut to 1,000 words.
"""

import json
import os
from collections.abc import Callable
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
from stillact.data import preprocess
from stillact.data.preprocessing import Preprocessing
from stillact.models import embed
from stillact.models.backbones import loading

ROOT = Path(__file__).parents[4]
FULL = bool(os.environ.get("STILLACT_FULL_DEPTH"))
WORDS = {"vocab_size": 1000, "bos_token_id": 2, "eos_token_id": 8, "pad_token_id": 0}
NOISE = np.random.default_rng(0).integers(0, 256, (2, 240, 400, 3), np.uint8)

Embed = Callable[[torch.Tensor], torch.Tensor]


def depth(layers: int) -> int:
    return layers if FULL else 2


def tokenizer(folder: Path) -> None:
    words = {word: i for i, word in enumerate(["[PAD]", "[UNK]", "sitting", "standing"])}
    made = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="[PAD]", unk_token="[UNK]"
    ).save_pretrained(folder)


def clip_l14_336(folder: Path, name: str) -> Embed:
    settings = open_clip.get_model_config(name)
    settings["vision_cfg"]["layers"] = depth(settings["vision_cfg"]["layers"])
    settings["text_cfg"]["layers"] = depth(settings["text_cfg"]["layers"])
    (folder / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": settings, "preprocess_cfg": {}})
    )
    model = open_clip.CLIP(**settings).eval()
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    return model.encode_image


def siglip2_so400m_384(folder: Path, name: str) -> Embed:
    tower = dict(hidden_size=1152, intermediate_size=4304, num_attention_heads=16)
    tower |= dict(num_hidden_layers=depth(27))
    config = transformers.SiglipConfig(
        text_config=tower | WORDS, vision_config=tower | dict(image_size=384, patch_size=14)
    )
    size = {"height": 384, "width": 384}
    transformers.SiglipImageProcessor(resample=2, size=size).save_pretrained(folder)
    return of_transformers(transformers.SiglipModel(config), folder)


def metaclip2(folder: Path, name: str) -> Embed:
    vision = dict(hidden_size=1280, intermediate_size=5120, num_attention_heads=16, patch_size=14)
    text = dict(hidden_size=1024, intermediate_size=4096, num_attention_heads=16)
    config = transformers.MetaClip2Config(
        text_config=text | WORDS | dict(num_hidden_layers=depth(24)),
        vision_config=vision | dict(num_hidden_layers=depth(32)),
        projection_dim=1024,
    )
    transformers.CLIPImageProcessor().save_pretrained(folder)
    model = transformers.MetaClip2Model(config)
    theirs = of_transformers(model, folder)
    # Its tokenizer knows upper case, which CLIP's does not.
    tokens = transformers.AutoTokenizer.from_pretrained(folder)(
        ["Sitting", "sitting"], padding="max_length", max_length=77, return_tensors="pt"
    )
    expected = model.get_text_features(tokens.input_ids).pooler_output
    assert not np.allclose(expected[0], expected[1], atol=1e-3)
    ours = embed.of_texts(loading.load(local("metaclip_2", folder), folder), ["Sitting", "sitting"])
    np.testing.assert_allclose(ours, expected.numpy(), atol=1e-5, rtol=0)
    return theirs


def local(name: str, folder: Path, loader: str = "transformers") -> Backbone:
    return Backbone(loader=loader, name=name, weights=str(folder))


def of_transformers(model: torch.nn.Module, folder: Path) -> Embed:
    model.save_pretrained(folder)
    tokenizer(folder)
    return lambda pixels: model.eval().get_image_features(pixels).pooler_output


def of_timm(folder: Path, name: str) -> Embed:
    model = timm.create_model(name, depth=depth(24), num_classes=0).eval()
    save_for_hf(model, str(folder), safe_serialization=True)
    return lambda pixels: model.forward_head(model.forward_features(pixels), pre_logits=True)


HEAVY = {  # how it is built, side of the photos, width of the embedding
    "clip_l14_336": (clip_l14_336, 336, 768),
    "siglip2_so400m_384": (siglip2_so400m_384, 384, 1152),
    "metaclip2": (metaclip2, 224, 1024),
    "pe_core_l": (of_timm, 336, 1024),
    "dinov3_l": (of_timm, 256, 1024),
}


@pytest.mark.parametrize("name", HEAVY)
@torch.no_grad()
def test_a_heavy_backbone_embeds_as_its_library_does(tmp_path, name):
    build, size, width = HEAVY[name]
    block = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["backbones"][name]
    torch.manual_seed(0)
    theirs = build(tmp_path, block["name"])
    of_type = block["name"] if block["loader"] == "transformers" else "local-dir:"
    made = loading.load(local(of_type, tmp_path, block["loader"]), tmp_path)
    assert (made.size, made.embedding_width) == (size, width)
    how = Preprocessing(made.size, made.geometry, made.interpolation, made.crop)
    photos = np.stack([np.asarray(preprocess.square(Image.fromarray(one), how)) for one in NOISE])
    expected = theirs(made.normalise(torch.from_numpy(photos).permute(0, 3, 1, 2)))
    ours = embed.of_photos(made, photos)
    assert ours.shape == (2, width)
    assert ours.std() > 1e-3
    np.testing.assert_allclose(ours, expected.numpy(), atol=2e-5, rtol=0)
