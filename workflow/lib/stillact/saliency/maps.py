"""Where a fine-tuned run looks, photo by photo."""

import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from stillact.core.errors import InputError
from stillact.core.logs import logger
from stillact.data.boxes import View
from stillact.data.manifest import parse_boxes
from stillact.data.preprocessing import Preprocessing
from stillact.perturb.occlusion import cover
from stillact.recipes.fine_tune.setup import Classifier
from stillact.saliency import attention, legrad, localisation
from stillact.saliency import methods as saliency_methods
from stillact.training.trained import Trained

COLUMNS = ["image_id", "label", "predicted", "method", "person_area", *localisation.METRICS]
COLUMNS += ["insertion", "deletion", "rank_correlation"]
RANDOM_WEIGHTS, SHUFFLED_LABELS = "random_weights", "shuffled_labels"  # in place of what is learnt
PROGRESS_EVERY_S = 10.0


@dataclass(frozen=True)
class Explained:
    """What is found for one run.

    table: a row a photo and method, `COLUMNS`: the method is a name of `saliency.maps`, or the
        first LeGrad's with random_weights or shuffled_labels behind it; its map is that of the
        predicted class. person_area is the share of what the model sees that lies in person boxes;
        by chance the metrics of `localisation.METRICS` are as much. All are NaN without boxes.
        rank_correlation, of the two sanity checks, is with the run's own map.
    grids: LeGrad of the first choice of layers, float32 (photos, classes, rows, columns), 0 to 1.
    regions: of each photo what the model sees: left, top, width, height, in pixels of the photo.
    note: '' or why there is nothing.
    """

    table: pd.DataFrame
    grids: np.ndarray
    regions: np.ndarray
    note: str = ""


def of_run(
    run: Trained,
    photos: pd.DataFrame,
    pixels: torch.Tensor,
    preprocessing: Preprocessing,
    classes: Sequence[str],
    layers: Sequence[legrad.Layers],
    steps: int,
    shuffled: Trained | None = None,
) -> Explained:
    """Look at the photos through a fine-tuned run.

    Args:
        run: trained; its backbone is a transformer, or the result is empty and says why.
        photos: image_id, label, width and height (pixels), person_boxes ('' where none is known).
        pixels: the photos packed for the run, uint8 (photos, 3, size, size), on the CPU.
        preprocessing: of the packed photos.
        classes: in the order of the run's outputs.
        layers: choices of LeGrad's layers, the first of which is drawn and checked.
        steps: of insertion and deletion.
        shuffled: the same model trained on shuffled labels, if it was.
    """
    views = [View.of(preprocessing, row.width, row.height) for row in photos.itertuples()]
    regions = np.array([view.region for view in views])
    try:
        attention.anatomy(run.network.backbone)
    except InputError as error:
        nothing = np.empty((0, len(classes), 0, 0), np.float32)
        return Explained(pd.DataFrame(columns=COLUMNS), nothing, regions, str(error))
    people = [
        view.mask(parse_boxes(boxes))
        for view, boxes in zip(views, photos["person_boxes"], strict=True)
    ]
    looking = _Looking(run, photos, pixels, people, classes, steps)
    methods = [*map(saliency_methods.method, layers), *saliency_methods.BASELINES]
    tables = [looking.method(name) for name in methods]
    others = {RANDOM_WEIGHTS: saliency_methods.randomised(run.network, seed=0)}
    if shuffled is not None:
        others[SHUFFLED_LABELS] = shuffled.network
    own = looking.maps(methods[0], run.network)
    for instead, other in others.items():
        tables.append(looking.check(methods[0], other, instead, own))
    return Explained(pd.concat(tables)[COLUMNS], grids(run, looking.images, layers[0]), regions)


def grids(run: Trained, images: torch.Tensor, layers: legrad.Layers) -> np.ndarray:
    """LeGrad for every class, float32 (photos, classes, rows, columns), 0 to 1.

    Args:
        run: fine-tuned.
        images: what its network takes, (photos, 3, size, size).
        layers: of LeGrad.

    Raises:
        InputError: as `attention.anatomy`.
    """
    network = run.network
    found = [
        legrad.scaled(legrad.grids(network.backbone, some, network.logits, layers)).cpu()
        for some in images.split(saliency_methods.BATCH)
    ]
    return torch.cat(found).numpy()


def overlaid(
    run: Trained,
    photos: Sequence[tuple[np.ndarray, tuple[int, int]]],
    preprocessing: Preprocessing,
    layers: legrad.Layers,
) -> tuple[dict[str, np.ndarray], str]:
    """What `browse.overlays` lays over photos, or why there is nothing.

    Args:
        run: of any recipe.
        photos: each as the run sees it, uint8 (size, size, 3), and its width and height in pixels,
            upright.
        preprocessing: of the photos that the run sees.
        layers: of LeGrad.

    Returns:
        grids and regions, as in `Explained`; and '', or why they are of no photo.
    """
    regions = np.array([View.of(preprocessing, *size).region for _, size in photos])
    nothing = {"grids": np.empty((0, 0, 0, 0), np.float32), "regions": regions}
    if not isinstance(run.network, Classifier):
        return nothing, "maps are made of fine-tuned transformers, and this is none"
    if not photos:
        return nothing, "no photo is"
    device = next(run.network.parameters()).device
    pixels = torch.from_numpy(np.stack([seen for seen, _ in photos])).permute(0, 3, 1, 2)
    try:
        found = grids(run, run.setup.prepare(pixels.to(device), False), layers)
    except InputError as error:
        return nothing, f"of this model no map can be made, {error}"
    return {"grids": found, "regions": regions}, ""


class _Looking:
    """The photos, and what the run says of them."""

    def __init__(self, run: Trained, photos, pixels, people, classes, steps: int):
        self.run, self.photos, self.people, self.steps = run, photos, people, steps
        self.pixels = pixels
        device = next(run.network.parameters()).device
        self.images = run.setup.prepare(pixels.to(device), False)
        self.answers = run.probabilities(pixels).argmax(1)
        self.predicted = [classes[answer] for answer in self.answers]
        everywhere = np.ones((len(pixels), *pixels.shape[-2:]), bool)
        self.emptied = _rows(cover(pixels, everywhere, "mean"))
        self.blurred = _rows(cover(pixels, everywhere, "blur"))

    def method(self, name: str) -> pd.DataFrame:
        """The table of a method, faithfulness included."""
        start = time.perf_counter()
        heat = self.maps(name, self.run.network)
        logger.info("%s: %d maps in %.1f s", name, len(heat), time.perf_counter() - start)
        areas, last = [], time.perf_counter()
        pictures = zip(_rows(self.pixels), heat, self.emptied, self.blurred, strict=True)
        for i, picture in enumerate(pictures):
            probability = functools.partial(self._probability, self.answers[i])
            areas.append(localisation.faithfulness(probability, *picture, self.steps))
            if time.perf_counter() - last > PROGRESS_EVERY_S:
                last = time.perf_counter()
                logger.info("%s: insertion and deletion of %d of %d photos", name, i + 1, len(heat))
        table = self._located(name, heat)
        table[["insertion", "deletion"]] = areas
        return table

    def check(self, name: str, other: Classifier, instead: str, own: np.ndarray) -> pd.DataFrame:
        """The table of a method for a network that has not learnt what the run has, beside the
        run's `own` maps."""
        heat = self.maps(name, other)
        table = self._located(f"{name}_{instead}", heat)
        pairs = zip(own, heat, strict=True)
        return table.assign(rank_correlation=[localisation.rank_correlation(*p) for p in pairs])

    def maps(self, name: str, network: Classifier) -> np.ndarray:
        """Of the run's answers, as `saliency.maps`."""
        answers = torch.from_numpy(self.answers).to(self.images.device)
        return saliency_methods.maps(name, network, self.images, answers)

    def _located(self, method: str, heat: np.ndarray) -> pd.DataFrame:
        table = self.photos[["image_id", "label"]].reset_index(drop=True)
        table = table.assign(predicted=self.predicted, method=method)
        table["person_area"] = [mask.mean() if mask.any() else np.nan for mask in self.people]
        for metric, of in localisation.METRICS.items():
            table[metric] = [of(one, mask) for one, mask in zip(heat, self.people, strict=True)]
        return table.assign(insertion=np.nan, deletion=np.nan, rank_correlation=np.nan)

    def _probability(self, answer: int, asked: np.ndarray) -> np.ndarray:
        pixels = torch.from_numpy(asked).permute(0, 3, 1, 2)
        return self.run.probabilities(pixels)[:, answer]


def _rows(pixels: torch.Tensor) -> np.ndarray:
    """(photos, size, size, 3)."""
    return pixels.permute(0, 2, 3, 1).numpy()
