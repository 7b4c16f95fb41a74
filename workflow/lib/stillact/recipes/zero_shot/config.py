"""Config and plan of zero_shot: the class whose prompts are most similar to the photo."""

from typing import Literal

from stillact.config.backbones import BackboneName, PromptsNeeded
from stillact.config.training import Plan, Views, embeddings, record, texts
from stillact.config.types import Block, Label


class ZeroShotModel(Block):
    """Nothing is trained: the class whose prompts are most similar to the photo."""

    recipe: Literal["zero_shot"]
    backbone: BackboneName
    prompts: PromptsNeeded


class ZeroShotPlan(ZeroShotModel, Plan):
    classes: list[Label]

    @property
    def shared_features(self) -> str:
        return Views().features_of(self.backbone)

    def reads(self) -> dict[str, str]:
        backbone = self.backbone
        return record(backbone) | embeddings(backbone) | texts(backbone, self.prompts)


PLAN = ZeroShotPlan
