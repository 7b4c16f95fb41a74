"""Config and plan of tta: the mean prediction over several views of a photo."""

from typing import Annotated, Literal

from pydantic import Field

from stillact.config.training import (
    LIBRARIES,
    DerivedPlan,
)
from stillact.config.types import Block, Name
from stillact.recipes.fine_tune.config import FineTunePlan
from stillact.recipes.linear_probe.config import LinearProbePlan
from stillact.recipes.mlp.config import MLPPlan
from stillact.recipes.prolip.config import ProLIPPlan
from stillact.recipes.zero_shot.config import ZeroShotPlan


class TTAModel(Block):
    """Test-time augmentation: the mean of a trained model's logits over views of a photo."""

    recipe: Literal["tta"]
    of: Annotated[Name, Field(description="A model on a backbone.")]
    views: Annotated[
        list[Literal["whole", "flip", "letterbox", "person"]],
        Field(
            min_length=1,
            description="whole: the photo with the preprocessing of the backbone's authors; flip: "
            "its mirror image; letterbox: the entire photo, padded; person: the largest person box "
            "times 1.3, padded.",
        ),
    ]

    @property
    def squares(self) -> tuple[str, ...]:
        return ("whole", *(view for view in ("letterbox", "person") if view in self.views))


OnBackbone = Annotated[
    FineTunePlan | MLPPlan | ZeroShotPlan | LinearProbePlan | ProLIPPlan,
    Field(discriminator="recipe"),
]


class TTAPlan(TTAModel, DerivedPlan):
    of: OnBackbone

    @property
    def packages(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*super().packages, *LIBRARIES)))

    def reads(self) -> dict[str, str]:
        files, index = self.photos()
        packed = dict(zip(self.squares, files, strict=True))
        return super().reads() | packed | {"packed_index": index}


PLAN = TTAPlan
