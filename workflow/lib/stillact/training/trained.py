"""Predictions of trained runs on further photos."""

import copy
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from stillact.core import arrays
from stillact.core.errors import InputError
from stillact.core.tables import read_csv
from stillact.data.preprocessing import Preprocessing
from stillact.models import weights
from stillact.models.backbones import loading
from stillact.training import jobs, loop
from stillact.training.jobs import Setup

BATCH = 64  # photos per forward pass of a backbone


@dataclass(frozen=True)
class Trained:
    """A trained run.

    network: with the run's weights, on the setup's device, in eval mode.
    setup: converts packed photos to the network's input, by `Setup.inputs` and then `prepare`.
    shared: the `shared_features` of its plan; runs with the same predict together (`predicted`).
    """

    network: nn.Module
    setup: Setup
    shared: str | None = None

    @property
    def sees(self) -> tuple[Preprocessing, ...]:
        """Preprocessing of each view of a photo that the model takes."""
        return self.setup.sees

    def probabilities(self, *views: torch.Tensor) -> np.ndarray:
        """Predict the probability of each class, float64 (photos, classes), as in predictions.csv.

        Args:
            views: of the photos, uint8 (photos, 3, size, size), RGB, as in `sees`; on any device.
        """
        return self.predicted(*views)[0]

    def predicted(self, *views: torch.Tensor) -> tuple[np.ndarray, np.ndarray | None]:
        """`probabilities`, and the features of the frozen backbone that they are made of, float32
        (photos, width); None for a network that takes photos."""
        (found,) = predicted([self], torch.cat(views, 1))
        return found


def of_runs(runs: Sequence[Trained], photos: torch.Tensor) -> list[np.ndarray]:
    """`Trained.probabilities` of each run; as for `predicted`."""
    return [probabilities for probabilities, _ in predicted(runs, photos)]


@torch.no_grad()
def predicted(
    runs: Sequence[Trained], photos: torch.Tensor
) -> list[tuple[np.ndarray, np.ndarray | None]]:
    """`Trained.predicted` of each run; features of a frozen backbone are computed once.

    Args:
        runs: at least one run; of one setup, or of models whose plans have the same
            `shared_features`.
        photos: their views one after the other, uint8 (photos, 3 * views, size, size).
    """
    device, setup = next(runs[0].network.parameters()).device, runs[0].setup
    logits, features = [[] for _ in runs], [[] for _ in runs]
    for batch in photos.split(BATCH):
        found = setup.features(batch.to(device), frozen_backbone(setup, device))
        for run, outputs, seen in zip(runs, logits, features, strict=True):
            inputs = run.setup.see(found)
            outputs.append(loop.predict(run.network, inputs, run.setup.prepare))
            if setup.record is not None:
                seen.append(inputs)
    return [
        (
            torch.cat(outputs).double().softmax(1).cpu().numpy(),
            torch.cat(seen).cpu().numpy() if seen else None,
        )
        for outputs, seen in zip(logits, features, strict=True)
    ]


def frozen_backbone(setup: Setup, device: torch.device) -> nn.Module | None:
    """The backbone whose features the networks of a setup take, loaded once for all setups; None
    without one."""
    if setup.record is None:
        return None
    return _loaded(Path(setup.record), device, setup.embedding_precision)


_loaded = functools.cache(loading.frozen)


def test_photos(files: Mapping[str, Any], classes: list[str]) -> tuple[torch.Tensor, pd.DataFrame]:
    """The packed test photos of the holdout split, and their metadata.

    Args:
        files: `photos` (list) and `photos_index`, the packed photos of each view (npy) and their
            rows (csv); `split`, the holdout table; `people` and `images`, outputs of the rules
            people and fetch.
        classes: classes of the task.

    Returns:
        uint8 (photos, 3 * views, size, size), on the CPU; and in the same order image_id, label,
        group, subset, person_boxes, width and height (pixels, upright).
    """
    rows = jobs.rows(files["split"], "holdout")
    cpu = torch.device("cpu")
    views = []
    for file in files["photos"]:
        packed = arrays.load(file, "r")
        part, photos = jobs.load_parts(packed, files["photos_index"], rows, classes, cpu)["test"]
        views.append(part.inputs)
    for table, columns in (("people", ["person_boxes"]), ("images", ["width", "height"])):
        metadata = read_csv(files[table]).set_index("id")[columns]
        photos = photos.join(metadata, on="image_id")
    return torch.cat(views, 1), photos


def load(setup: Setup, path: Path) -> Trained:
    """Load the run whose weights.safetensors is `path`.

    Args:
        setup: setup of the run's recipe, plan and files. Runs loaded from one setup share no
            weights.
        path: file of the weights.

    Raises:
        InputError: the weights are damaged, or of another plan; names the file.
    """
    return of_state(setup, weights.read(path), path)


def of_state(setup: Setup, state: Mapping[str, torch.Tensor], path: Path) -> Trained:
    """Load a run from its tensors, which are from the file `path`; as for `load`."""
    network = copy.deepcopy(setup.network(None))  # fine-tuned networks share one backbone
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise InputError(
            f"{path}: the weights do not fit the model in the config; delete the file to train the "
            "run again"
        ) from error
    return Trained(network.eval(), setup)
