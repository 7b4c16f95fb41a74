"""Config and plan of prolip: training of a backbone's last projection (ProLIP)."""

from typing import Annotated, Literal

from pydantic import Field

from stillact.config.backbones import BackboneName, PromptsNeeded
from stillact.config.training import Plan, Training, embeddings, record, texts
from stillact.config.types import Block, Label


class ProLIP(Training):
    """Training of the last projection of a backbone's image tower, on frozen features before it;
    the class prompts classify (ProLIP, arXiv 2410.05270)."""

    penalty: Annotated[
        float,
        Field(
            ge=0,
            description="Weight of the squared distance from the pretrained projection, divided "
            "by the number of training photos per class.",
        ),
    ]


class ProLIPModel(Block):
    recipe: Literal["prolip"]
    backbone: BackboneName
    prompts: PromptsNeeded


class ProLIPPlan(ProLIPModel, Plan):
    classes: list[Label]
    training: ProLIP

    @property
    def shared_features(self) -> str:
        return f"{self.backbone}/unprojected"

    def reads(self) -> dict[str, str]:
        backbone = self.backbone
        folder = f"results/embeddings/{backbone}"
        unprojected = {
            "features": f"{folder}/unprojected.npy",
            "projection": f"{folder}/projection.npy",
            "index": embeddings(backbone)["index"],
        }
        return record(backbone) | unprojected | texts(backbone, self.prompts)


PLAN = ProLIPPlan
