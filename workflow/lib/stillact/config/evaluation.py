"""Blocks of the config: what is computed of the trained models."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from stillact.config.augmentations import Augmentation
from stillact.config.types import Block, Count, Fraction, Name, Positive, known, unique


class Statistics(Block):
    """The paper's tests, on the main task's test photos, with seeds as replicates. A model that the
    study does not have is left out, and named there."""

    anova: Annotated[
        dict[Name, list[Name]],
        Field(description="Analyses of variance: the models that each compares."),
    ]
    t_test: Annotated[
        list[Name], Field(min_length=2, max_length=2, description="Two models, paired by seed.")
    ]


class Explain(Block):
    """Where the fine-tuned transformers of the main task look, on its test photos, with the first
    seed."""

    layers: Annotated[
        list[Count | Literal["all"]],
        Field(min_length=1, description="LeGrad: the last so many blocks; the first one is drawn."),
    ]
    model: Annotated[
        Name | None,
        Field(description="Fine-tuned model of figure 4; null: the best one on validation."),
    ] = None
    steps: Annotated[Count, Field(description="Insertion and deletion: steps from none to all.")]
    shuffled_labels: Annotated[
        bool,
        Field(description="Train each once more, on shuffled labels: do maps hang on learning?"),
    ]


# What can be wrong with a photo: what imagecorruptions makes of it, and what `corruptions` does.
# All but the last two come at severities.
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

Severity = Annotated[int, Field(ge=1, le=5, description="1 for mild, 5 for severe.")]


class Robustness(Block):
    """Models asked about the main task's test photos again, made worse."""

    models: Annotated[
        list[Name],
        Field(description="Those that the main task has, but no views; none: nothing is asked."),
    ]
    corruptions: Annotated[
        list[Name],
        Field(
            min_length=1,
            description="Of imagecorruptions, and low_resolution, each at every severity; and "
            "grey, person_covered.",
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
    """One fine-tuned model trained with every combination of settings: how much hangs on them. It
    is judged on the validation photos of the main task, with the first seed."""

    model: Annotated[Name | None, Field(description="A fine-tuned model; null: no sweep.")]
    learning_rate: Annotated[list[Positive], Field(min_length=1)]
    layer_decay: Annotated[list[Annotated[float, Field(gt=0, le=1)]], Field(min_length=1)]
    augment: Annotated[
        dict[Name, list[Augmentation]],
        Field(min_length=1, description="Strengths of augmentation, by name."),
    ]


class Predict(Block):
    """How the model that is used answers."""

    accuracy: Annotated[
        Fraction,
        Field(
            description="Abstain below the confidence from which on the answers on validation "
            "photos are right at this rate."
        ),
    ] = 0.9
    gallery: Annotated[
        int, Field(ge=0, description="Photos shown in the gallery; the table has all.")
    ] = 60
