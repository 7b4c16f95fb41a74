"""Detectors of people in photos: BlazePose's, and those of transformers, such as RT-DETR."""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import nn

from stillact.config.backbones import Detector as Block
from stillact.config.data import Fetch, People
from stillact.core.errors import InputError
from stillact.core.logs import logger
from stillact.data import reading
from stillact.data.boxes import Box, View, clipped
from stillact.data.people import Scored
from stillact.data.preprocessing import Preprocessing
from stillact.models import blazepose
from stillact.models.backbones.transformers import pretrained

BLAZEPOSE = "pose_detection"
SAMPLED = {2: "bilinear", 3: "bicubic"}  # Pillow's numbers, in configs of transformers


class Detector(nn.Module):
    """A network that finds people, and the preprocessing of its photos.

    preprocessing: of the photos.
    """

    preprocessing: Preprocessing

    def found(
        self, photos: torch.Tensor, min_score: float, most: int
    ) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """The people of each photo.

        Args:
            photos: uint8 (photos, 3, size, size), RGB, preprocessed as `preprocessing`.
            min_score: boxes with a lower score are nobody.
            most: people per photo.

        Returns:
            Per photo boxes (people, 4): left, top, right, bottom as fractions of the square; and
            scores (people,) in [0, 1], the most certain person first.
        """
        raise NotImplementedError


class BlazePose(Detector):
    """The detector of BlazePose: squares around the whole body."""

    preprocessing = Preprocessing(blazepose.PHOTO, "letterbox", "bilinear")

    def __init__(self, path: Path):
        super().__init__()
        self.network = blazepose.Detector(path)

    def forward(self, photos: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Boxes and scores of `blazepose.Detector`, of uint8 photos."""
        return self.network(photos.float() / 127.5 - 1)

    @torch.no_grad()
    def found(self, photos, min_score, most):
        return blazepose.found(*self(photos), min_score, most)


class OfTransformers(Detector):
    """A detector of transformers, with its own image processor's normalisation and boxes."""

    def __init__(self, network: nn.Module, processor: Any, folder: Path):
        super().__init__()
        self.network, self.processor = network, processor
        self.preprocessing = _preprocessing(processor, folder)
        classes = [n for n, label in network.config.id2label.items() if label.lower() == "person"]
        if not classes:
            raise InputError(f"{folder}: its classes have no 'person'; use a detector of people")
        self.person = int(classes[0])

    @torch.no_grad()
    def found(self, photos, min_score, most):
        pixels = self.processor(
            list(photos.cpu()), return_tensors="pt", do_resize=False, do_pad=False
        )["pixel_values"]
        outputs = self.network(pixel_values=pixels.to(photos.device))
        people = []
        for one in self.processor.post_process_object_detection(outputs, threshold=min_score):
            persons = one["labels"] == self.person
            scores, order = one["scores"][persons].sort(descending=True)
            people.append((one["boxes"][persons][order][:most].cpu(), scores[:most].cpu()))
        return people


def _preprocessing(processor: Any, folder: Path) -> Preprocessing:
    size = dict(processor.size)
    sampled = SAMPLED.get(int(processor.resample))
    if set(size) != {"height", "width"} or size["height"] != size["width"] or not sampled:
        raise InputError(
            f"{folder}: resizes photos to {size}; supported are squares (height and width), "
            "bilinear or bicubic, as of RT-DETR and D-FINE"
        )
    return Preprocessing(size["height"], "squash", sampled)


def load(block: Block, folder: Path) -> Detector:
    """Load the detector of a config block, in eval mode, on the CPU, without the hub.

    Args:
        block: loader and name.
        folder: location of its weights (`weights.place`): a folder, or a file.

    Raises:
        InputError: the weights are missing, damaged, or of another network.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"  # read when the library is imported
    if not folder.exists():
        raise InputError(f"{folder}: no weights of {block.name} there; run rule fetch_detector")
    if block.loader == "blazepose":
        if block.name != BLAZEPOSE:
            raise InputError(
                f"detector {block.name!r}: blazepose has one detector; set name: {BLAZEPOSE}"
            )
        return BlazePose(folder).eval()
    return _of_transformers(block, folder)


def _of_transformers(block: Block, folder: Path) -> Detector:
    import transformers

    network = pretrained("AutoModelForObjectDetection", block, folder)
    processor = transformers.AutoImageProcessor.from_pretrained(folder)
    return OfTransformers(network, processor, folder).eval()


def from_record(path: Path) -> Detector:
    """Load the detector of a record of rule fetch_detector, as by `load`."""
    record = json.loads(path.read_text(encoding="utf-8"))
    names = ("loader", "name")
    block = Block(**{name: record[name] for name in names}, weights=record["folder"])
    return load(block, Path(record["folder"]))


def of_study(
    detector: Detector,
    manifest: pd.DataFrame,
    photos: pd.DataFrame,
    files: Sequence[Path],
    settings: People,
    limits: Fetch,
    threads: int,
) -> dict[str, Scored]:
    """The detected people of a study's photos, by id: of all photos, or of those without boxes in
    the manifest, as `settings.boxes` says.

    Args:
        detector: on the device to compute on.
        manifest: of rule manifest: id, person_boxes.
        photos, files: the available photos, from `preprocess.available`.
        settings: of people.
        limits, threads: as for `detect`.

    Raises:
        InputError: a photo cannot be read; or nobody is in any photo.
    """
    given = manifest.set_index("id")["person_boxes"][photos["id"]] != ""
    asked = [
        (name, file)
        for name, file, has_boxes in zip(photos["id"], files, given, strict=True)
        if settings.boxes == "detector" or not has_boxes
    ]
    found: dict[str, Scored] = {}
    pairs = [(str(file), "") for _, file in asked]
    for (name, file), (people, reason) in zip(
        asked, detect(detector, pairs, settings, limits, threads), strict=True
    ):
        if people is None:
            raise InputError(
                f"photo {file} cannot be read: {reason}; delete it and fetch again "
                "(snakemake --forcerun fetch)"
            )
        found[name] = people
    nobody = sum(not people for people in found.values())
    if found and nobody == len(photos):
        raise InputError(
            f"people.detector: nobody is found in any of {len(found)} photos; use another "
            f"detector, a lower people.min_score (now {settings.min_score:g}), or models that look "
            "at the whole photo"
        )
    logger.info("people in %d of %d photos", len(found) - nobody, len(found))
    return found


def detect(
    detector: Detector,
    photos: Sequence[tuple[str, str]],
    settings: People,
    limits: Fetch,
    threads: int,
) -> Iterator[tuple[Scored | None, str]]:
    """The people of each photo, in order, the most certain first.

    Args:
        detector: on the device to compute on.
        photos: file, and '' or why there is none.
        settings: min_score and most.
        limits: max_bytes and max_pixels: larger photos are not decoded.
        threads: number of decoding threads.

    Yields:
        Boxes in pixels of the upright photo, which may extend beyond it, with scores; and ''. Or
        None and why the photo cannot be read.
    """
    device = next(detector.parameters()).device
    how = detector.preprocessing

    def ask(seen: list[reading.Seen]) -> list[Scored]:
        (squares,) = reading.stacked(seen)
        pixels = torch.from_numpy(squares).permute(0, 3, 1, 2).to(device)
        found = detector.found(pixels, settings.min_score, settings.most)
        return [
            _in_photo(boxes.tolist(), scores.tolist(), View.of(how, *photo.size))
            for (boxes, scores), photo in zip(found, seen, strict=True)
        ]

    return reading.over(photos, [how], limits, ask, threads, done_as="searched for people")


def _in_photo(boxes: list[list[float]], scores: list[float], view: View) -> Scored:
    people = []
    for edges, score in zip(boxes, scores, strict=True):
        box = view.in_photo(Box(*(edge * view.size for edge in edges)))
        if clipped([box], *view.photo):
            people.append((box, score))
    return people
