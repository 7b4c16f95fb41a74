"""Trained runs, asked about photos that they were not trained or judged on."""

import copy
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from stillact.core.errors import InputError
from stillact.core.tables import read_csv
from stillact.models import weights
from stillact.models.backbones import loading
from stillact.training import jobs, loop
from stillact.training.jobs import Setup

BATCH = 64  # photos that go through a backbone at a time


@dataclass(frozen=True)
class Trained:
    """A trained run.

    network: with the run's weights, on the setup's device, in eval mode.
    setup: makes packed photos what the network takes, by `inputs` and then `prepare`.
    """

    network: nn.Module
    setup: Setup

    def probabilities(self, photos: torch.Tensor) -> np.ndarray:
        """The probability of each class, float64 (photos, classes), as predictions.csv has them.

        Args:
            photos: packed for the model, uint8 (photos, 3, size, size), RGB; on any device.
        """
        return of_runs([self], photos)[0]


@torch.no_grad()
def of_runs(runs: Sequence[Trained], photos: torch.Tensor) -> list[np.ndarray]:
    """`Trained.probabilities` of each run; what a frozen backbone makes of the photos is made once.

    Args:
        runs: of one setup, at least one.
        photos: as there.
    """
    device, setup = next(runs[0].network.parameters()).device, runs[0].setup
    logits = [[] for _ in runs]
    for some in photos.split(BATCH):
        inputs = setup.inputs(some.to(device), frozen_backbone(setup, device))
        for run, told in zip(runs, logits, strict=True):
            told.append(loop.predict(run.network, inputs, setup.prepare))
    return [torch.cat(told).double().softmax(1).cpu().numpy() for told in logits]


@functools.cache
def frozen_backbone(setup: Setup, device: torch.device) -> nn.Module | None:
    """The backbone whose features the networks of a setup take, loaded once; None without one."""
    return None if setup.record is None else loading.from_record(setup.record).to(device)


def test_photos(files: Mapping[str, Path], classes: list[str]) -> tuple[torch.Tensor, pd.DataFrame]:
    """The test photos of the holdout split as a plan's runs see them, and what is known of them.

    Args:
        files: `photos` and `photos_index`, the packed photos (npy) and their rows (csv); `split`,
            the holdout table; `manifest` and `images`, as the rules of these names leave them.
        classes: of the task.

    Returns:
        uint8 (photos, 3, size, size), on the CPU; and in the same order image_id, label, subset,
        person_boxes, width and height (pixels, upright).
    """
    packed = np.load(files["photos"], mmap_mode="r")
    rows = jobs.rows(files["split"], "holdout")
    cpu = torch.device("cpu")
    part, photos = jobs.load_parts(packed, files["photos_index"], rows, classes, cpu)["test"]
    for table, columns in (("manifest", ["person_boxes"]), ("images", ["width", "height"])):
        told = read_csv(files[table]).set_index("id")[columns]
        photos = photos.join(told, on="image_id")
    return part.inputs, photos


def load(setup: Setup, path: Path) -> Trained:
    """The run whose weights.safetensors is `path`.

    Args:
        setup: of the run's recipe, plan and files. Runs loaded from one setup share no weights.
        path: of the weights.

    Raises:
        InputError: the weights are damaged, or those of another plan; names the file.
    """
    network = copy.deepcopy(setup.network(None))  # fine-tuning makes all of them of one backbone
    try:
        network.load_state_dict(weights.read(path))
    except RuntimeError as error:
        raise InputError(
            f"{path}: the weights do not fit the model that the config describes; delete the "
            "file, and the run is trained again"
        ) from error
    return Trained(network.eval(), setup)
