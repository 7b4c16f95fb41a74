"""The recipe pose."""

from typing import Any

from stillact.config.training import LinearProbe as Settings
from stillact.config.types import fault
from stillact.recipes.base import FROZEN, Recipe, StudyConfig
from stillact.recipes.pose.config import PoseModel, PosePlan


class Pose(Recipe):
    name = "pose"
    summary = "a logistic regression on the joints of a person"
    Model, Plan, Settings = PoseModel, PosePlan, Settings
    resources = FROZEN
    frozen = True

    def check(self, config: StudyConfig, name: str, model: PoseModel) -> None:
        super().check(config, name, model)
        if not config.backbones[model.backbone].gives_joints:
            fault(
                "models.{name}.backbone: {backbone} finds no joints; name one that does, such as "
                "blazepose",
                name=name,
                backbone=model.backbone,
            )

    def more(self, config: StudyConfig, model: PoseModel, classes: list[str]) -> dict[str, Any]:
        return {"precision": "fp32"}  # an answer in 24 changes with joints in bf16

    def work(self, plan: PosePlan, trained_on: float, predicted: float, gmacs: float) -> float:
        return trained_on * len(plan.training.c) * plan.training.folds

    def describe(self, model: PoseModel) -> str:
        return (
            "A logistic regression on the positions, visibilities and angles of the joints of the "
            f"largest person, found by the pretrained {model.backbone}."
        )

    def card(self, plan: PosePlan, backbone: str) -> tuple[str, list[str]]:
        return (
            "Multinomial logistic regression on the joints of the largest person, found by "
            f"{backbone}, which is frozen.",
            [],
        )
