"""Blocks of the config: evaluation and use of the trained models."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from stillact.config.augmentations import Augmentation
from stillact.config.types import Block, Count, Fraction, Name, Positive, known, unique


class Explain(Block):
    """Saliency maps of the fine-tuned transformers of the main task, on its test photos, with the
    first seed."""

    layers: Annotated[
        list[Count | Literal["all"]],
        Field(
            min_length=1,
            description="LeGrad: numbers of last blocks; the first entry is the one plotted.",
        ),
    ]
    model: Annotated[
        Name | None,
        Field(description="Fine-tuned model of figure 4; null: the best one on validation."),
    ] = None
    steps: Annotated[
        Count, Field(description="Insertion and deletion: steps from 0 to 100 % of the pixels.")
    ]
    shuffled_labels: Annotated[
        bool,
        Field(
            description="Also train each model on shuffled labels, to test whether its maps depend "
            "on what it learned."
        ),
    ]


# Corruptions of a photo: those of the package imagecorruptions, and those of `corruptions`. All but
# the last two have severities.
OF_IMAGECORRUPTIONS = (
    "gaussian_noise",
    "shot_noise",
    "impulse_noise",
    "defocus_blur",
    "glass_blur",
    "motion_blur",
    "zoom_blur",
    "snow",
    "frost",
    "fog",
    "brightness",
    "contrast",
    "elastic_transform",
    "pixelate",
    "jpeg_compression",
    "speckle_noise",
    "gaussian_blur",
    "spatter",
    "saturate",
)
WITHOUT_SEVERITY = ("grey", "person_covered")
CORRUPTIONS = (*OF_IMAGECORRUPTIONS, "low_resolution", *WITHOUT_SEVERITY)

Severity = Annotated[int, Field(ge=1, le=5, description="From 1 (mild) to 5 (severe).")]


class Robustness(Block):
    """Robustness of models to corruptions of the main task's test photos."""

    models: Annotated[
        list[Name],
        Field(description="Models of the main task, except tta; an empty list skips the test."),
    ]
    corruptions: Annotated[
        list[Name],
        Field(
            min_length=1,
            description="Names of imagecorruptions and low_resolution, each at every severity; "
            "grey and person_covered, without severities.",
        ),
    ]
    severities: Annotated[list[Severity], Field(min_length=1)]

    @model_validator(mode="after")
    def _names(self) -> "Robustness":
        for key, names in self:
            unique(key, names)
        known("corruptions", self.corruptions, CORRUPTIONS)
        return self


class Sweep(Block):
    """Sensitivity of models to their settings: each trained with every combination, with the first
    seed. Fine-tuned models are evaluated on the validation photos of the main task, networks from
    scratch on those of all folds."""

    models: Annotated[
        list[Name],
        Field(description="Fine-tuned models, and networks from scratch; []: no sweep."),
    ]
    learning_rate: Annotated[
        list[Positive], Field(min_length=1, description="Factors of the model's own.")
    ]
    layer_decay: Annotated[
        list[Annotated[float, Field(gt=0, le=1)]],
        Field(min_length=1, description="Of fine-tuned models."),
    ]
    augment: Annotated[
        dict[Name, list[Augmentation]],
        Field(min_length=1, description="Augmentation strengths, by name."),
    ]
    renamed: ClassVar[dict[str, str]] = {"model": "sweep.models"}

    @model_validator(mode="after")
    def _different_models(self) -> "Sweep":
        unique("models", self.models)
        return self


class Report(Block):
    """Models in the figures, the error analysis and the photo browser; the tables have all."""

    best: Annotated[
        Count,
        Field(
            description="Number of models: the most accurate ones, out-of-fold where there are "
            "cross-validated models."
        ),
    ]
    baselines: Annotated[
        list[Name], Field(description="Models shown as well; those a task lacks are skipped.")
    ]


class Predict(Block):
    """Predictions of the deployed model."""

    accuracy: Annotated[
        Fraction,
        Field(
            description="Abstain below the lowest confidence from which on the accuracy of "
            "out-of-fold predictions is shown to reach this value; prediction sets have the true "
            "class of at least this share of new photos."
        ),
    ] = 0.9
    gallery: Annotated[
        int, Field(ge=0, description="Photos shown in the gallery; the table has all.")
    ] = 60
