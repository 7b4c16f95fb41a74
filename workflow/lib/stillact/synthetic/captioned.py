"""Captioned scenes for pre-training: smaller than the dataset's, and disjoint from them."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from stillact.core.logs import logger
from stillact.core.tables import replacing, write_csv
from stillact.data.preprocess import square
from stillact.data.preprocessing import Preprocessing
from stillact.synthetic import rendering

SIDES = [
    side + joint
    for side in "lr"
    for joint in ("hip", "knee", "ankle", "toe", "shoulder", "elbow", "hand")
]
JOINTS = ["pelvis", "chest", "neck", "head", *SIDES]
CAPTIONS = [f"caption_{i}" for i in range(1, 6)]


def scene_of(index: int, seed: int) -> tuple[str, int]:
    """Label and scene seed of the `index`-th scene; labels alternate.

    The prefix of the hashed text differs from that of `rendering.write_dataset`, which begins with
    digits, so that these scenes and those of a dataset are disjoint for any seeds.
    """
    label = rendering.LABELS[index % len(rendering.LABELS)]
    digest = hashlib.sha256(f"captioned/{seed}/{label}/{index}".encode()).hexdigest()
    return label, int(digest[-12:], 16)


def render_shard(
    scenes: int, seed: int, size: int, shard: tuple[int, int], arrays: Path, table: Path
) -> None:
    """Render the scenes of one shard, twice `size` px long, and save their centre squares.

    Args:
        scenes: number of scenes in all shards.
        seed: seed of the scenes.
        size: side of the squares, px.
        shard: index of the shard (from 0) and number of shards; scenes are assigned by index modulo
            that number.
        arrays: .npz to write. images: uint8 (scenes of the shard, size, size, 3), RGB. joints:
            float32 (scenes of the shard, 18, 2), column and row of JOINTS as shares of the square's
            side; joints outside the square are outside 0..1.
        table: CSV to write, one row per scene: scene (its index), CAPTIONS, the scene's attributes.
    """
    indices = range(shard[0], scenes, shard[1])
    images = np.empty((len(indices), size, size, 3), np.uint8)
    joints = np.empty((len(indices), len(JOINTS), 2), np.float32)
    rows = []
    for row, index in enumerate(indices):
        shown = rendering.render(*scene_of(index, seed), longest=2 * size)
        images[row] = np.asarray(square(shown.image, Preprocessing(size, "resize_crop")))
        joints[row] = _in_square([shown.joints[name] for name in JOINTS], shown.image.size)
        captions = dict(zip(CAPTIONS, shown.captions, strict=True))
        rows.append({"scene": index, **captions, **shown.attributes})
        if (row + 1) % 500 == 0 or row + 1 == len(indices):
            logger.info("rendered %d of %d scenes", row + 1, len(indices))
    with replacing(arrays) as part, part.open("wb") as file:
        np.savez(file, images=images, joints=joints)
    write_csv(pd.DataFrame(rows), table)


def _in_square(points: list[tuple[float, float]], size: tuple[int, int]) -> np.ndarray:
    """Convert points in px of a picture to shares of the side of its centre square."""
    side = min(size)
    return (np.array(points) - [(size[0] - side) / 2, (size[1] - side) / 2]) / side
