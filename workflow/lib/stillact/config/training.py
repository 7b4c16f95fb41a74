"""Blocks of the config: training settings, and the plan of a run."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from stillact.config.types import Block, Count, Fraction, Positive, unique


class Training(Block):
    """AdamW on the cross-entropy, with early stopping on the validation loss if there is a
    `patience`."""

    learning_rate: Annotated[Positive, Field(description="Peak learning rate.")]
    schedule: Annotated[
        Literal["constant", "cosine"],
        Field(description="Learning rate after the warm-up: constant, or cosine decay to 0."),
    ] = "constant"
    warmup: Annotated[
        Fraction, Field(description="Share of all steps with a linear warm-up from 0.")
    ] = 0.0
    weight_decay: Annotated[float, Field(ge=0, description="Decoupled weight decay.")]
    clip_norm: Annotated[
        Positive | None, Field(description="Maximum gradient norm (L2); null: no clipping.")
    ] = None
    label_smoothing: Annotated[
        Fraction, Field(description="Share of the label spread uniformly over the classes.")
    ] = 0.0
    batch_size: Annotated[int, Field(ge=2, description="Batch size; batch norm needs 2.")]
    max_epochs: Annotated[Count, Field(description="Maximum number of epochs.")]
    patience: Annotated[
        Count | None,
        Field(
            description="Early stopping: epochs without a lower validation loss before training "
            "stops; null: none, and the weights of the last epoch instead of the best one."
        ),
    ] = None


class LinearProbe(Block):
    """Multinomial logistic regression on a backbone's L2-normalised embeddings."""

    c: Annotated[
        list[Positive],
        Field(min_length=1, description="Candidate inverse strengths of the L2 penalty."),
    ]
    folds: Annotated[
        int, Field(ge=2, description="Inner folds of the training photos on which C is chosen.")
    ]


VIEWS = {
    "whole": "the photo's centre",
    "letterbox": "the entire photo",
    "person": "the largest person",
}


class Views(Block):
    """The views of a photo whose embeddings a model takes, side by side."""

    sees: Annotated[
        list[Literal["whole", "letterbox", "person"]],
        Field(
            min_length=1,
            description="Views of a photo, whose embeddings are concatenated: whole, the "
            "preprocessing of the backbone's authors; letterbox, the entire photo, padded; person, "
            "the largest person box times 1.3, padded.",
        ),
    ] = ["whole"]
    mirror: Annotated[
        bool, Field(description="Average each embedding with that of the mirror image.")
    ] = False

    @model_validator(mode="after")
    def _different_views(self) -> Self:
        unique("sees", self.sees)
        return self

    @property
    def squares(self) -> tuple[str, ...]:
        return tuple(self.sees)

    @property
    def of_views(self) -> str:
        """The views, to follow the backbone; '' for the default."""
        if self.sees == ["whole"] and not self.mirror:
            return ""
        seen = " and ".join(VIEWS[view] for view in self.sees)
        return f", those of {seen}" + (" and of its mirror image, averaged" if self.mirror else "")

    def features_of(self, backbone: str) -> str:
        """As `Plan.shared_features`, of a backbone's embeddings of these views."""
        return f"{backbone}/{'-'.join(self.sees)}{'_mirror' if self.mirror else ''}"


LOOK_AT_PEOPLE = {"person", "around"}  # views that need person boxes
LIBRARIES = ("open_clip_torch", "timm", "transformers")  # build the backbones


Precision = Literal["auto", "fp32", "bf16"]


class Plan(Block):
    """Everything that the result of a run depends on, except its files, its split and its seed.

    Each recipe defines a subclass with `classes` and, in most cases, `training`. The precision is
    that of the training steps, or of the frozen backbone.
    """

    recipe: str
    precision: Precision = "fp32"
    if TYPE_CHECKING:
        classes: list[str]
        training: Any
        backbone: str

    @property
    def packages(self) -> tuple[str, ...]:
        """Installed packages whose versions a run depends on."""
        return ("torch", "torchvision", "numpy")

    def reads(self) -> dict[str, str]:
        """Input files of the recipe, by name, relative to the study's folder."""
        raise NotImplementedError

    @property
    def squares(self) -> tuple[str, ...]:
        """The views of a photo that the model needs as packed photos; see `Preprocessing.view`."""
        return ("whole",)

    @property
    def looks_at_people(self) -> bool:
        """Whether the model needs the person boxes of a photo."""
        return not LOOK_AT_PEOPLE.isdisjoint(self.squares)

    @property
    def shared_features(self) -> str | None:
        """The name of the features of a frozen backbone that the model takes, which others may take
        too; None if it takes photos."""
        return None

    def photos(self) -> tuple[list[str], str]:
        """Files of the packed photos, one per view of `squares`, and of their rows."""
        files = [packed_view(self.backbone, view) for view in self.squares]
        return files, packed(self.backbone)["index"]


class DerivedPlan(Plan):
    """The plan of a model that is derived from the trained runs of another one."""

    of: Any

    @property
    def classes(self) -> list[str]:
        return self.of.classes

    @property
    def packages(self) -> tuple[str, ...]:
        return self.of.packages

    @property
    def backbone(self) -> str:
        return self.of.backbone

    def reads(self) -> dict[str, str]:
        return self.of.reads()


def record(backbone: str) -> dict[str, str]:
    """The file that describes a backbone's weights and their location."""
    return {"record": f"results/backbones/{backbone}/weights.json"}


def packed(backbone: str) -> dict[str, str]:
    """Files of the photos preprocessed for a backbone."""
    folder = f"results/backbones/{backbone}"
    return {"array": f"{folder}/photos.npy", "index": f"{folder}/photos.csv"}


def packed_view(backbone: str, view: str) -> str:
    """The file of the photos packed for a backbone in a view; its rows are those of `packed`."""
    if view == "whole":
        return packed(backbone)["array"]
    return f"results/backbones/{backbone}/views/{view}.npy"


def embeddings(
    backbone: str, sees: Sequence[str] = ("whole",), mirror: bool = False
) -> dict[str, str]:
    """Files of the photos' embeddings by a frozen backbone, one per view, and of their rows.

    Args:
        backbone: name of the backbone.
        sees: views of a photo.
        mirror: whether embeddings are averaged with those of the mirror images.
    """
    folder = f"results/embeddings/{backbone}"
    if list(sees) == ["whole"] and not mirror:
        return {"embeddings": f"{folder}/images.npy", "index": f"{folder}/images.csv"}
    end = "_mirror" if mirror else ""
    files = {f"embeddings_{view}": f"{folder}/views/{view}{end}.npy" for view in sees}
    return files | {"index": packed(backbone)["index"]}


def texts(backbone: str, prompts: str | None) -> dict[str, str]:
    """Files of a prompt set's embeddings by a backbone; empty without a prompt set."""
    if prompts is None:
        return {}
    folder = f"results/embeddings/{backbone}/texts_{prompts}"
    return {"texts": f"{folder}.npy", "texts_index": f"{folder}.csv"}
