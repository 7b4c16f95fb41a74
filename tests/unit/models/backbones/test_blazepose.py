"""BlazePose's joints as the embedding of a backbone."""

import numpy as np
import pytest
import torch

from stillact.config.backbones import Backbone
from stillact.core.errors import InputError
from stillact.models import blazepose as bp
from stillact.models import embed
from stillact.models.backbones import loading


def test_an_embedding_is_the_output_of_the_network(blazepose):
    file = blazepose / "pose_landmark_full.tflite"
    backbone = loading.load(
        Backbone(loader="blazepose", name="pose_landmark_full", weights=str(file)), file
    )
    crops = np.random.default_rng(0).integers(0, 256, (2, 256, 256, 3), np.uint8)
    with torch.no_grad():
        pixels = torch.from_numpy(crops).permute(0, 3, 1, 2) / 255
        expected = bp.Landmarks(file)(pixels)
    np.testing.assert_allclose(embed.of_photos(backbone, crops), expected, atol=1e-5)
    facts = loading.facts(backbone)
    assert facts["embedding_width"] == expected.shape[1] == 232
    assert (facts["size"], facts["geometry"], facts["has_text"]) == (256, "letterbox", False)
    assert backbone.blocks() == []


def test_another_network_of_blazepose_is_an_error(blazepose):
    file = blazepose / "pose_detection.tflite"
    block = Backbone(loader="blazepose", name="pose_landmark_ful", weights=str(file))
    told = "no model 'pose_landmark_ful' for the loader blazepose.*Use one of pose_landmark_full"
    with pytest.raises(InputError, match=told):
        loading.load(block, file)
