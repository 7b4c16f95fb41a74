"""The joints of the people in photos, as a table for other programs."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from stillact.config.data import Fetch
from stillact.core.logs import logger
from stillact.data import reading
from stillact.data.boxes import Box, View, by_visible_area
from stillact.data.preprocessing import Preprocessing
from stillact.models import blazepose
from stillact.models.backbones.base import Backbone
from stillact.models.backbones.vitpose import JOINTS

MOST = 3  # people per photo
COLUMNS = ["id", "person", "keypoint", "x", "y", "visibility", "score"]


def table(
    backbone: Backbone,
    photos: pd.DataFrame,
    files: Sequence[Path],
    people: Mapping[str, Sequence[Box]],
    settings: Fetch,
    threads: int,
) -> pd.DataFrame:
    """The joints of the largest people in each photo.

    Args:
        backbone: one that gives joints, on the device to compute on.
        photos: id, width and height in pixels of the upright photo.
        files: of the photos.
        people: boxes of the people, by id.
        settings: max_bytes and max_pixels.
        threads: number of decoding threads.

    Returns:
        One row per joint: id; person, 1 for the largest, up to `MOST`; keypoint, the name of one
        of COCO's 17; x, y, pixels of the upright photo, perhaps outside it; visibility, the
        probability that the joint is seen, and score, that there is a person, [0, 1]. No rows for
        photos without a box, or that cannot be read, which are logged.
    """
    how = Preprocessing(backbone.size, "letterbox", backbone.interpolation).view("around")
    device = next(backbone.image.parameters()).device
    rows = [
        (photo.id, rank, (photo.width, photo.height), str(file), box)
        for photo, file in zip(photos.itertuples(), files, strict=True)
        for rank, box in enumerate(
            by_visible_area(people[photo.id], photo.width, photo.height)[:MOST], 1
        )
    ]

    @torch.inference_mode()
    def ask(seen: list[reading.Seen]) -> torch.Tensor:
        (crops,) = reading.stacked(seen)
        pixels = torch.from_numpy(crops).permute(0, 3, 1, 2).to(device)
        return backbone.encode_image(backbone.normalise(pixels)).cpu()

    answers = reading.over(
        [(file, "") for *_, file, _ in rows],
        [how],
        settings,
        ask,
        threads,
        [[box] for *_, box in rows],
        done_as="looked at",
    )
    tables = []
    for (name, rank, size, file, box), (flat, why) in zip(rows, answers, strict=True):
        if flat is None:
            logger.warning("%s: %s", file, why)
            continue
        tables.append(_of_person(flat, View.of(how, *size, [box])).assign(id=name, person=rank))
    return pd.concat(tables)[COLUMNS] if tables else pd.DataFrame(columns=COLUMNS)


def _of_person(flat: torch.Tensor, view: View) -> pd.DataFrame:
    pose = blazepose.unpacked(flat[None])
    used = [blazepose.JOINTS.index(name) for name in JOINTS]
    packed = (pose.xy[0, used] * view.size).double().numpy()
    places = np.array([view.in_photo(Box(x, y, x, y))[:2] for x, y in packed])
    return pd.DataFrame(
        {
            "keypoint": JOINTS,
            "x": places[:, 0].round(1),
            "y": places[:, 1].round(1),
            "visibility": pose.visibility[0, used].numpy().round(3),
            "score": round(pose.score.item(), 3),
        }
    )
