"""The block of the config on the paper that the shipped study reproduces."""

from typing import Annotated, Any

from pydantic import Field, field_validator

from stillact.config.augmentations import Augmentation
from stillact.config.types import Block, Name, Text, fault


class PaperTable(Block):
    """A table of the paper: its models on the test photos of a task. Models that the study lacks
    are skipped."""

    task: Annotated[Name, Field(description="A task; without it, the table is omitted.")]
    models: Annotated[list[Name], Field(min_length=1, description="Models, one row each.")]


class Augmentations(Block):
    """Table 3 of the paper: one model, trained once with each variant of its augmentations, on the
    validation photos of a task. Without the task there are no such trainings."""

    task: Annotated[Name, Field(description="Task on which the variants are trained.")]
    model: Annotated[Name, Field(description="Model trained in each variant.")]
    variants: Annotated[
        dict[Name, list[Augmentation]],
        Field(
            description="Augmentations of each variant, instead of the model's own; a variant with "
            "the model's own augmentations reuses that model."
        ),
    ]


class Paper(Block):
    """The tables and tests of the paper, and the photos that they are about."""

    manifests: Annotated[
        list[Text],
        Field(
            description="Values of dataset.manifest, or the ends of such paths, with which the "
            "block applies: values of the paper never stand beside results on other photos."
        ),
    ]
    table_2: PaperTable
    table_3: Augmentations
    table_4: PaperTable
    table_5: PaperTable
    table_6: PaperTable
    table_7: PaperTable
    anova: Annotated[
        dict[Name, list[Name]],
        Field(
            description="Analyses of variance over seeds on the test photos of the main task: the "
            "models compared by each. A model that the study lacks is skipped, and the results "
            "name it."
        ),
    ]
    t_test: Annotated[
        list[Name],
        Field(min_length=2, max_length=2, description="Paired t-test over seeds: two models."),
    ]

    @field_validator("anova", "t_test", mode="before")
    @classmethod
    def _not_null(cls, value: Any) -> Any:
        if value is None:
            fault("null does not turn this test off; paper: null omits all of the paper's results")
        return value

    @property
    def tables(self) -> dict[str, PaperTable]:
        """The tables of models: all but table_3."""
        return {name: block for name, block in self if isinstance(block, PaperTable)}

    def models_of(self, task: str) -> set[str]:
        """The models of a task that a table has."""
        return {model for t in self.tables.values() if t.task == task for model in t.models}
