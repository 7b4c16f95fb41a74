"""Blocks of the config: photos, their labels and their splits."""

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from stillact.config.types import (
    Block,
    Count,
    Fraction,
    Name,
    Positive,
    Seed,
    Text,
    fault,
)


class Dataset(Block):
    name: Annotated[Name, Field(description="Name of the dataset, shown in the report.")]
    manifest: Annotated[
        str,
        Field(
            min_length=1,
            description="CSV of labelled photo URLs. A path under results/ is made by a rule: "
            "results/synthetic/manifest.csv (rendered scenes), results/curate/manifest.csv (COCO).",
        ),
    ]
    classes: Annotated[
        list[Name], Field(min_length=2, description="Labels that the manifest may hold, in order.")
    ]
    local_dirs: Annotated[
        list[str],
        Field(description="Folders searched for a photo's file name before the network."),
    ] = []
    cache: Annotated[
        str, Field(min_length=1, description="Folder of fetched photos; survives `rm -r results`.")
    ] = "cache"
    on_missing: Annotated[
        Literal["fail", "drop"],
        Field(description="What a photo that cannot be had does: end the study, or be left out."),
    ] = "fail"
    allow_private_hosts: Annotated[
        bool,
        Field(
            description="Whether URLs may lead to this machine or its own network. false for a "
            "manifest from others; behind a proxy only addresses in numbers are then judged."
        ),
    ] = True


class Fetch(Block):
    concurrency: Annotated[Count, Field(description="Requests under way at once.")] = 16
    per_host: Annotated[Count, Field(description="Requests under way at once to one host.")] = 8
    timeout_s: Annotated[Positive, Field(description="Seconds without a byte.")] = 30.0
    attempts: Annotated[Count, Field(description="Tries a URL, first one included.")] = 5
    backoff_s: Annotated[
        Positive, Field(description="Seconds before the second try; doubles with each, jittered.")
    ] = 1.0
    max_wait_s: Annotated[
        Positive, Field(description="Longest wait between tries in seconds, Retry-After included.")
    ] = 60.0
    max_redirects: Annotated[int, Field(ge=0, description="Redirects followed a URL.")] = 5
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
    verbs: Annotated[dict[Name, list[str]], Field(description="Verb forms that name a class.")]
    person_nouns: Annotated[list[str], Field(description="Nouns that name a person.")]
    max_words_between: Annotated[
        int, Field(ge=0, description="Most words between a person noun and a verb.")
    ]
    min_person_fraction: Annotated[
        Fraction, Field(description="Smallest share of the image for its largest person box.")
    ]
    images_per_class: Annotated[dict[Name, Count], Field(description="Rows taken a class.")]


class Duplicates(Block):
    max_distance: Annotated[
        int,
        Field(
            ge=0,
            le=64,
            description="Photos whose 64-bit perceptual hashes differ in at most "
            "this many bits are near-duplicates.",
        ),
    ]


class Fractions(Block):
    train: Annotated[Fraction, Field(description="Trained on.")]
    validation: Annotated[Fraction, Field(description="Decides when training ends.")]
    test: Annotated[Fraction, Field(description="Judged on, once.")]

    @model_validator(mode="after")
    def _sum(self) -> "Fractions":
        total = self.train + self.validation + self.test
        if not math.isclose(total, 1, abs_tol=1e-9):
            fault(
                "train {train} + validation {validation} + test {test} = {total}; they must "
                "add up to 1",
                **self.model_dump(),
                total=round(total, 9),
            )
        return self


class KFold(Block):
    folds: Annotated[int, Field(ge=2, description="Folds a repeat.")]
    repeats: Annotated[Count, Field(description="Repeats, each with its own shuffle.")]


class Splits(Block):
    seed: Annotated[Seed, Field(description="Seed of the holdout split and of the folds.")]
    fractions: Annotated[Fractions, Field(description="Shares of the holdout split.")]
    kfold: Annotated[KFold, Field(description="Repeated stratified k-fold.")]


class External(Block):
    """A second dataset with the main task's classes, on which nothing is trained or chosen."""

    name: Annotated[Name, Field(description="Its name, shown in the report.")]
    manifest: Annotated[Text, Field(description="CSV like dataset.manifest.")]
