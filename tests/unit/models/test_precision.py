import json
import platform

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from stillact.config.backbones import Backbone
from stillact.models import embed, precision
from stillact.models.backbones import loading
from support import tiny_backbones

CPU = torch.device("cpu")


@pytest.fixture
def fast(monkeypatch):
    monkeypatch.setattr(precision, "is_fast", lambda device: True)


@pytest.mark.parametrize("there", [True, False])
def test_auto_follows_the_processor(monkeypatch, there):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: there)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert precision.resolved("auto", CPU) == ("bf16" if there else "fp32")
    assert precision.resolved("auto", CPU, suits=False) == "fp32"


@pytest.mark.parametrize("wanted", ["fp32", "bf16"])
def test_a_named_precision_is_kept_on_any_processor(monkeypatch, wanted):
    for there in (True, False):
        monkeypatch.setattr(precision, "is_fast", lambda device, there=there: there)
        assert precision.resolved(wanted, CPU, suits=False) == wanted


@pytest.mark.parametrize("kind", ["open_clip", "transformers", "timm"])
def test_a_transformer_in_bf16_gives_nearly_the_same_embeddings(tmp_path, fast, kind):
    record = tiny_backbones.record(kind, tmp_path)
    plain, quick = (loading.frozen(record, CPU, how) for how in ("fp32", "auto"))
    assert (plain.dtype, quick.dtype) == (torch.float32, torch.bfloat16)
    photos = np.random.default_rng(0).integers(0, 256, (16, 3, plain.size, plain.size))
    images = plain.normalise(torch.from_numpy(photos))
    with torch.inference_mode():
        expected, found = plain.encode_image(images), quick.encode_image(images)
        assert found.dtype == torch.float32
        assert torch.cosine_similarity(expected, found).min() > 0.999
        if plain.projects:
            through = plain.encode_unprojected(images), quick.encode_unprojected(images)
            assert torch.cosine_similarity(*through).min() > 0.999
            assert torch.cosine_similarity(through[1] @ plain.projection, expected).min() > 0.999


@pytest.mark.parametrize("how", ["fp32", "bf16"])
def test_the_precision_of_embeddings_is_recorded(tmp_path, how):
    backbone = loading.frozen(tiny_backbones.record("timm", tmp_path), CPU, how)
    embed.write_record(backbone, tmp_path / "images.json")
    recorded = json.loads((tmp_path / "images.json").read_text())
    assert (recorded["precision"], recorded["device"]) == (how, f"cpu: {platform.machine()}")
    assert recorded["versions"]["torch"] == torch.__version__.split("+")[0]


def test_a_convolutional_network_stays_in_fp32_unless_named(tmp_path, fast):
    model = timm.create_model("test_resnet", num_classes=0)
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    block = {"loader": "timm", "name": "test_resnet", "weights": str(tmp_path)}
    facts = loading.facts(loading.load(Backbone(**block), tmp_path))
    record = tmp_path / "weights.json"
    del block["weights"]
    written = {"backbone": "cnn", "folder": str(tmp_path), **block, "facts": facts}
    record.write_text(json.dumps(written))
    assert loading.frozen(record, CPU, "auto").dtype == torch.float32
    assert loading.frozen(record, CPU, "bf16").dtype == torch.bfloat16
