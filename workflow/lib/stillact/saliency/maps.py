"""Saliency maps of a fine-tuned run, with metrics per photo."""

import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from stillact.core.errors import InputError
from stillact.core.logs import detail, logger
from stillact.data.boxes import View
from stillact.data.manifest import parse_boxes
from stillact.data.preprocessing import Preprocessing
from stillact.data.reading import Seen, stacked
from stillact.perturb.occlusion import cover
from stillact.recipes.fine_tune.setup import Classifier
from stillact.saliency import attention, legrad, localisation
from stillact.saliency import methods as saliency_methods
from stillact.training.trained import Trained

COLUMNS = ["image_id", "group", "label", "predicted", "method", "person_area"]
COLUMNS += [*localisation.METRICS, "insertion", "deletion", "rank_correlation"]
RANDOM_WEIGHTS, SHUFFLED_LABELS = "random_weights", "shuffled_labels"  # the two sanity checks
PROGRESS_EVERY_S = 10.0


@dataclass(frozen=True)
class Explained:
    """Saliency results of one run.

    table: one row per photo and method, `COLUMNS`: the method is a name of `methods.maps`, or that
        of the first LeGrad with the suffix random_weights or shuffled_labels; maps are those of the
        predicted class. person_area is the share of the model's field of view that lies in person
        boxes, the chance level of `localisation.METRICS`. All are NaN without boxes.
        rank_correlation, for the two sanity checks, is with the map of the run itself.
    grids: LeGrad of the first choice of layers, float32 (photos, classes, rows, columns), 0 to 1.
    regions: field of view per photo: left, top, width, height, in pixels of the photo.
    note: '' or why there are no results.
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
    """Compute saliency maps of a fine-tuned run, and their metrics.

    Args:
        run: trained; if its backbone is not a transformer, the result is empty, with a note.
        photos: image_id, group, label, width and height (pixels), person_boxes ('' where none is
            known).
        pixels: the photos packed for the run, uint8 (photos, 3, size, size), on the CPU.
        preprocessing: of the packed photos.
        classes: in the order of the run's outputs.
        layers: choices of LeGrad's layers; the first is used for figures and sanity checks.
        steps: of insertion and deletion.
        shuffled: the same model trained on shuffled labels, if available.
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
    maps = _Maps(run, photos, pixels, people, classes, steps)
    methods = [*map(saliency_methods.method, layers), *saliency_methods.BASELINES]
    tables = [maps.method(name) for name in methods]
    others = {RANDOM_WEIGHTS: saliency_methods.randomised(run.network, seed=0)}
    if shuffled is not None:
        others[SHUFFLED_LABELS] = shuffled.network
    own = maps.maps(methods[0], run.network)
    for check, other in others.items():
        tables.append(maps.check(methods[0], other, check, own))
    return Explained(pd.concat(tables)[COLUMNS], grids(run, maps.images, layers[0]), regions)


def grids(run: Trained, images: torch.Tensor, layers: legrad.Layers) -> np.ndarray:
    """LeGrad for every class, float32 (photos, classes, rows, columns), 0 to 1.

    Args:
        run: fine-tuned.
        images: inputs of its network, (photos, 3, size, size).
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
    photos: Sequence[Seen],
    layers: legrad.Layers,
) -> tuple[dict[str, np.ndarray], str]:
    """Maps for `browser.overlays`, or why there are none.

    Args:
        run: of any recipe.
        photos: as the run sees them.
        layers: of LeGrad.

    Returns:
        grids and regions, as in `Explained`; and '', or why they are empty.
    """
    regions = np.array([View.of(run.sees[0], *photo.size).region for photo in photos])
    nothing = {"grids": np.empty((0, 0, 0, 0), np.float32), "regions": regions}
    if not isinstance(getattr(run, "network", None), Classifier):
        return nothing, "saliency maps require a fine-tuned transformer, and this model is not one"
    if not photos:
        return nothing, "no photo is shown"
    device = next(run.network.parameters()).device
    pixels = torch.from_numpy(stacked(photos)[0]).permute(0, 3, 1, 2)
    try:
        found = grids(run, run.setup.prepare(pixels.to(device), False), layers)
    except InputError as error:
        return nothing, f"no saliency map can be computed for this model: {error}"
    return {"grids": found, "regions": regions}, ""


class _Maps:
    """The photos, the run's predictions, and the maps of several methods."""

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
        """The table of a method, including faithfulness."""
        start = time.perf_counter()
        heat = self.maps(name, self.run.network)
        detail("%s: %d maps in %.1f s", name, len(heat), time.perf_counter() - start)
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

    def check(self, name: str, other: Classifier, check: str, own: np.ndarray) -> pd.DataFrame:
        """The table of a sanity check: the method applied to another network, compared with the
        run's `own` maps."""
        heat = self.maps(name, other)
        table = self._located(f"{name}_{check}", heat)
        pairs = zip(own, heat, strict=True)
        return table.assign(rank_correlation=[localisation.rank_correlation(*p) for p in pairs])

    def maps(self, name: str, network: Classifier) -> np.ndarray:
        """Maps of the predicted classes, as `methods.maps`."""
        answers = torch.from_numpy(self.answers).to(self.images.device)
        return saliency_methods.maps(name, network, self.images, answers)

    def _located(self, method: str, heat: np.ndarray) -> pd.DataFrame:
        table = self.photos[["image_id", "group", "label"]].reset_index(drop=True)
        table = table.assign(predicted=self.predicted, method=method)
        table["person_area"] = [mask.mean() if mask.any() else np.nan for mask in self.people]
        for metric, score in localisation.METRICS.items():
            table[metric] = [score(one, mask) for one, mask in zip(heat, self.people, strict=True)]
        return table.assign(insertion=np.nan, deletion=np.nan, rank_correlation=np.nan)

    def _probability(self, answer: int, photos: np.ndarray) -> np.ndarray:
        pixels = torch.from_numpy(photos).permute(0, 3, 1, 2)
        return self.run.probabilities(pixels)[:, answer]


def _rows(pixels: torch.Tensor) -> np.ndarray:
    """(photos, size, size, 3)."""
    return pixels.permute(0, 2, 3, 1).numpy()
