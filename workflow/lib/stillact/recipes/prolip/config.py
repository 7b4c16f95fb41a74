"""Blocks of the config and of the runs: a backbone's last projection, trained (ProLIP)."""

from typing import Annotated, Literal

from pydantic import Field

from stillact.config.backbones import BackboneName, PromptsNeeded
from stillact.config.training import Plan, Training, embeddings, record, texts
from stillact.config.types import Block, Name


class ProLIP(Training):
    """The last projection of a backbone's image tower, on features before it that stay as they
    are; the class prompts classify (ProLIP, arXiv 2410.05270)."""

    penalty: Annotated[
        float,
        Field(
            ge=0,
            description="Of the squared distance from the pretrained projection; divided "
            "by the training photos a class.",
        ),
    ]


class ProLIPModel(Block):
    recipe: Literal["prolip"]
    backbone: BackboneName
    prompts: PromptsNeeded


class ProLIPPlan(ProLIPModel, Plan):
    classes: list[Name]
    training: ProLIP

    def reads(self) -> dict[str, str]:
        of = self.backbone
        folder = f"results/embeddings/{of}"
        unprojected = {
            "features": f"{folder}/unprojected.npy",
            "projection": f"{folder}/projection.npy",
            "index": embeddings(of)["index"],
        }
        return record(of) | unprojected | texts(of, self.prompts)


PLAN = ProLIPPlan
