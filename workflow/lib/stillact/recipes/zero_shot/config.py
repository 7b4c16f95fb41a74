"""Blocks of the config and of the runs: the class whose prompts are most similar to the photo."""

from typing import Literal

from stillact.config.backbones import BackboneName, PromptsNeeded
from stillact.config.training import Plan, embeddings, record, texts
from stillact.config.types import Block, Name


class ZeroShotModel(Block):
    """Nothing is trained: the class whose prompts are most similar to the photo."""

    recipe: Literal["zero_shot"]
    backbone: BackboneName
    prompts: PromptsNeeded


class ZeroShotPlan(ZeroShotModel, Plan):
    classes: list[Name]

    def reads(self) -> dict[str, str]:
        of = self.backbone
        return record(of) | embeddings(of) | texts(of, self.prompts)


PLAN = ZeroShotPlan
