"""Config and plan of from_scratch: a network from random weights."""

from typing import Annotated, Literal

from pydantic import Field

from stillact.config.augmentations import Augment
from stillact.config.networks import CNN, FNN
from stillact.config.training import Plan, Training
from stillact.config.types import Block, Geometry, Label


class FromScratch(Training):
    """Training of a network from random weights."""

    size: Annotated[int, Field(ge=16, le=1024, description="Side of the square input, pixels.")]
    geometry: Annotated[
        Geometry, Field(description="Method to make a photo square: resize_crop or letterbox.")
    ]


class FromScratchModel(Block):
    recipe: Literal["from_scratch"]
    network: Annotated[CNN | FNN, Field(discriminator="type", description="Architecture.")]
    augment: Augment = []


class FromScratchPlan(FromScratchModel, Plan):
    """Everything that the result of a run depends on, except its files, its split and its seed."""

    classes: list[Label]
    training: FromScratch
    matched: CNN | None

    def reads(self) -> dict[str, str]:
        folder = f"results/data/pack/{self.training.geometry}_{self.training.size}"
        return {"array": f"{folder}.npy", "index": f"{folder}.csv"}

    def photos(self) -> tuple[list[str], str]:
        files = self.reads()
        return [files["array"]], files["index"]


PLAN = FromScratchPlan
