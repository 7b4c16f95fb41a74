"""The table of joints, with a network that finds them at known places of the crop."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn

from stillact.config.data import Fetch
from stillact.data.boxes import Box
from stillact.models import blazepose, keypoints
from stillact.models.backbones.base import Backbone

SIZE = 64


class AtRed(nn.Module):
    """All joints are where the crop is reddest."""

    def __init__(self):
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, crops):
        red = (crops[:, 0] - crops[:, 1]).flatten(1).argmax(1)
        xy = torch.stack([red % SIZE + 0.5, red // SIZE + 0.5], 1) / SIZE
        joints = xy[:, None].expand(-1, 33, 2)
        return blazepose.packed(joints, torch.full((len(crops), 33), 0.75), crops.amax((1, 2, 3)))


@pytest.fixture
def backbone():
    how = dict(size=SIZE, geometry="letterbox", interpolation="bilinear", crop=1.0)
    return Backbone(AtRed(), how | dict(mean=[0] * 3, std=[1] * 3), 232, None, {"unused": 0})


def marked(path, *places):
    """A grey photo of 300 by 200 pixels with red marks, 8 pixels wide, around places."""
    pixels = np.full((200, 300, 3), 90, np.uint8)
    for x, y in places:
        pixels[y - 4 : y + 4, x - 4 : x + 4] = 255, 0, 0
    Image.fromarray(pixels).save(path)
    return path


def made(backbone, files, people):
    ids = [f"p{i}" for i in range(len(files))]
    photos = pd.DataFrame({"id": ids, "width": 300, "height": 200})
    boxes = dict(zip(ids, people, strict=True))
    return keypoints.table(backbone, photos, files, boxes, Fetch(), threads=1)


def test_joints_are_in_pixels_of_the_photo_the_largest_person_first(tmp_path, backbone):
    file = marked(tmp_path / "a.png", (60, 50), (260, 120))
    small, large = Box(240, 90, 290, 150), Box(20, 10, 120, 190)
    table = made(backbone, [file], [[small, large]])
    assert list(table.columns) == keypoints.COLUMNS
    assert table.groupby("person").size().to_dict() == {1: 17, 2: 17}
    assert table["keypoint"].tolist()[:3] == ["nose", "left_eye", "right_eye"]
    for person, (x, y) in {1: (60, 50), 2: (260, 120)}.items():
        rows = table[table["person"] == person]
        assert rows["x"].tolist() == pytest.approx([x] * 17, abs=6)
        assert rows["y"].tolist() == pytest.approx([y] * 17, abs=6)
    assert table["visibility"].eq(0.75).all()
    assert table["score"].between(0.9, 1).all()


def test_a_photo_without_people_or_that_cannot_be_read_has_no_rows(tmp_path, backbone, caplog):
    good = marked(tmp_path / "good.png", (60, 50))
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no photo")
    inside, outside = Box(20, 10, 120, 190), Box(400, 0, 500, 90)
    people = [[], [outside], [inside], [inside]]
    with caplog.at_level("WARNING"):
        table = made(backbone, [good, good, bad, good], people)
    assert table["id"].unique().tolist() == ["p3"]
    assert "bad.png: not an image" in caplog.text
    assert made(backbone, [good], [[]]).empty


def test_more_people_than_the_most_are_left_out(tmp_path, backbone):
    file = marked(tmp_path / "a.png", (60, 50))
    boxes = [Box(0, 0, side, side) for side in (10, 40, 20, 30)]
    table = made(backbone, [file], [boxes])
    assert table["person"].unique().tolist() == [1, 2, 3]
