"""Texts are tokenised as the authors of each model do."""

import json

import open_clip
import pytest
import torch
import transformers
from tokenizers import Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import WordLevel

from stillact.config.backbones import Backbone
from stillact.models.backbones.transformers import _tokenizer, load

WORDS = ["<pad>", "<eos>", "<bos>", "<unk>", "a", "photo", "of", "person", "riding", "bike", "."]
SIGLIP = {"vocab_size": 64, "bos_token_id": 2, "eos_token_id": 1, "pad_token_id": 0}


def siglip2(folder, side: str):
    """A SigLIP2 of small towers, with a tokenizer of a few words that pads on a side."""
    size = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1}
    size["num_attention_heads"] = 2
    vision = size | {"image_size": 32, "patch_size": 16}
    config = transformers.SiglipConfig(text_config=size | SIGLIP, vision_config=vision)
    transformers.SiglipModel(config).save_pretrained(folder)
    transformers.SiglipImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    words = Tokenizer(WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="<unk>"))
    words.normalizer = normalizers.Lowercase()
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", unk_token="<unk>", padding_side=side
    )
    tokenizer.save_pretrained(folder)
    assert json.loads((folder / "tokenizer_config.json").read_text())["padding_side"] == side
    return load(Backbone(loader="transformers", name="siglip", weights=str(folder)), folder)


# big_vision, evaluators/proj/image_text/prompt_engineering.py: underscores are blanks, punctuation
# goes, lower case, single blanks; its SigLIP2 pads to 64 on the right.
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A photo of a person, riding a bike.", "a photo of a person riding a bike"),
        ("a photo of riding_a_bike", "a photo of riding a bike"),
        ("  (Person)\t BIKE! ", "person bike"),
    ],
)
def test_siglip2_reads_texts_without_punctuation(tmp_path, side, text, words):
    expected = [WORDS.index(word) for word in words.split()]
    expected += [0] * (64 - len(expected))
    assert siglip2(tmp_path, side).tokenize([text]).tolist() == [expected]


def test_siglip2_has_the_tokens_of_open_clips_tokenizer(tmp_path):
    texts = ["A photo of a person, riding a bike.", "riding_a_bike", "(Photo) of BIKE!"]
    backbone = siglip2(tmp_path, "right")
    theirs = open_clip.tokenizer.HFTokenizer(str(tmp_path), context_length=64, clean="canonicalize")
    torch.testing.assert_close(backbone.tokenize(texts), theirs(texts))


def test_clip_of_transformers_has_the_tokens_of_openais_tokenizer(tmp_path):
    texts = ["A photo of a person, riding a bike.", 'it\'s 100 % "Läuft & rennt"', "  two  blanks "]
    theirs = open_clip.SimpleTokenizer()
    merges = [pair for pair, _ in sorted(theirs.bpe_ranks.items(), key=lambda item: item[1])]
    named = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
    vocabulary = {named.get(word, word): index for word, index in theirs.encoder.items()}
    tokenizer = transformers.CLIPTokenizer(vocab=vocabulary, merges=merges)
    tokenizer.save_pretrained(tmp_path)
    ours = _tokenizer(tmp_path, 77, str.lower)(texts)
    for mine, reference in zip(ours.tolist(), theirs(texts).tolist(), strict=True):
        end = reference.index(theirs.eot_token_id) + 1  # CLIP reads nothing after it
        assert mine[:end] == reference[:end]
