"""Blocks of the config: photos, their labels and their splits."""

import math
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from stillact.config.types import (
    Block,
    Count,
    File,
    Fraction,
    Label,
    Name,
    Positive,
    Seed,
    fault,
)


class Dataset(Block):
    name: Annotated[Name, Field(description="Name of the dataset, shown in the report.")]
    manifest: Annotated[
        File,
        Field(
            description="Labelled photos: a CSV, a folder, or another form of docs/formats.md. "
            "Paths under results/ are created by a rule: results/synthetic/manifest.csv (rendered "
            "scenes), results/curate/manifest.csv (COCO).",
        ),
    ]
    classes: Annotated[
        list[Label], Field(min_length=2, description="Labels allowed in the manifest, in order.")
    ]
    group_by: Annotated[
        Literal["folder"] | None,
        Field(
            description="Of a folder: photos of one subfolder of a class stay on one side of a "
            "split (folder); null: subfolders have no meaning."
        ),
    ] = None
    local_dirs: Annotated[
        list[File],
        Field(description="Folders searched for a photo's file name before its URL is fetched."),
    ] = []
    cache: Annotated[
        File, Field(description="Folder of fetched photos; survives `rm -r results`.")
    ] = "cache"
    on_missing: Annotated[
        Literal["fail", "drop"],
        Field(description="Unavailable photos: end the study (fail), or leave them out (drop)."),
    ] = "fail"
    allow_private_hosts: Annotated[
        bool,
        Field(
            description="Whether URLs may lead to this machine or its private network. Set false "
            "for a manifest from others; behind a proxy, only numeric addresses are then checked."
        ),
    ] = True


class Fetch(Block):
    concurrency: Annotated[Count, Field(description="Concurrent requests.")] = 16
    per_host: Annotated[Count, Field(description="Concurrent requests per host.")] = 8
    timeout_s: Annotated[Positive, Field(description="Timeout without data, seconds.")] = 30.0
    attempts: Annotated[Count, Field(description="Attempts per URL, the first one included.")] = 5
    backoff_s: Annotated[
        Positive,
        Field(description="Seconds before the second attempt; doubles each time, with jitter."),
    ] = 1.0
    max_wait_s: Annotated[
        Positive, Field(description="Longest wait between attempts, seconds, Retry-After included.")
    ] = 60.0
    max_redirects: Annotated[int, Field(ge=0, description="Redirects followed per URL.")] = 5
    max_bytes: Annotated[Count, Field(description="Largest file accepted, bytes.")] = 50_000_000
    max_pixels: Annotated[
        int, Field(ge=1, le=178_000_000, description="Largest photo accepted, pixels.")
    ] = 100_000_000


class Curate(Block):
    captions: Annotated[
        str | None, Field(description="COCO captions JSON; null: from annotations_url.")
    ] = None
    instances: Annotated[
        str | None, Field(description="COCO instances JSON; null: from annotations_url.")
    ] = None
    annotations_url: Annotated[str, Field(description="The official annotations archive (zip).")]
    captions_member: Annotated[str, Field(description="Captions file inside that archive.")]
    instances_member: Annotated[str, Field(description="Instances file inside that archive.")]
    verbs: Annotated[dict[Label, list[str]], Field(description="Verb forms of each class.")]
    person_nouns: Annotated[list[str], Field(description="Nouns for a person.")]
    max_words_between: Annotated[
        int, Field(ge=0, description="Largest number of words between a person noun and a verb.")
    ]
    min_person_fraction: Annotated[
        Fraction,
        Field(description="Smallest share of the image covered by its largest person box."),
    ]
    images_per_class: Annotated[dict[Label, Count], Field(description="Rows per class.")]


class Duplicates(Block):
    max_distance: Annotated[
        int,
        Field(
            ge=0,
            le=64,
            description="Largest Hamming distance between the 64-bit perceptual hashes of "
            "near-duplicates, bits; pairs within it are held against each other pixel by pixel.",
        ),
    ]


Share = Annotated[float, Field(gt=0, lt=1)]


class Fractions(Block):
    train: Annotated[Share, Field(description="Used for training.")]
    validation: Annotated[Share, Field(description="Used for early stopping.")]
    test: Annotated[Share, Field(description="Held out for the final evaluation.")]

    @model_validator(mode="after")
    def _sum(self) -> "Fractions":
        total = self.train + self.validation + self.test
        if not math.isclose(total, 1, abs_tol=1e-9):
            fault(
                "train {train} + validation {validation} + test {test} = {total}; they must "
                "sum to 1",
                **self.model_dump(),
                total=round(total, 9),
            )
        return self


class KFold(Block):
    folds: Annotated[
        int,
        Field(ge=3, description="Folds per repeat: one is the test, one for validation."),
    ]
    repeats: Annotated[Count, Field(description="Repeats, each with a different shuffle.")]


class Splits(Block):
    seed: Annotated[Seed, Field(description="Random seed of the holdout split and of the folds.")]
    fractions: Annotated[Fractions, Field(description="Shares of the holdout split.")]
    kfold: Annotated[KFold, Field(description="Repeated stratified k-fold.")]


class External(Block):
    """A second dataset with the main task's classes, not used for training or selection."""

    name: Annotated[Name, Field(description="Name of the dataset, shown in the report.")]
    manifest: Annotated[File, Field(description="CSV like dataset.manifest.")]


class People(Block):
    """The people in the photos, for models that look at a person."""

    detector: Annotated[
        Name | None,
        Field(description="One of `detectors`; null: only the boxes of the manifest are known."),
    ] = None
    boxes: Annotated[
        Literal["manifest", "detector"],
        Field(
            description="manifest: its boxes, and the detector for photos without any; detector: "
            "detected ones for all photos, as for new photos. Models that look at a person are "
            "recommended only with `detector`, since new photos have no other boxes."
        ),
    ] = "manifest"
    min_score: Annotated[
        Fraction, Field(description="Score below which a detection is nobody.")
    ] = 0.5
    most: Annotated[Count, Field(description="People per photo, the most certain ones.")] = 10

    @model_validator(mode="after")
    def _has_detector(self) -> Self:
        if self.boxes == "detector" and self.detector is None:
            fault("boxes: detector needs a detector; name one of `detectors`")
        return self
