"""The recipe zero_shot."""

from stillact.recipes.base import FROZEN, Recipe
from stillact.recipes.zero_shot.config import ZeroShotModel, ZeroShotPlan


class ZeroShot(Recipe):
    name = "zero_shot"
    summary = "nothing: predict the class whose prompts are most similar to the photo"
    Model, Plan = ZeroShotModel, ZeroShotPlan
    resources = FROZEN
    frozen = True

    def work(self, plan: ZeroShotPlan, trained_on: float, predicted: float, gmacs: float) -> float:
        return predicted

    def describe(self, model: ZeroShotModel) -> str:
        return (
            f"The pretrained {model.backbone} without training: the class whose prompts "
            f"({model.prompts}) fit best."
        )

    def card(self, plan: ZeroShotPlan, backbone: str) -> tuple[str, list[str]]:
        text = f"Nothing was trained: {backbone} predicts the class whose prompts are most similar "
        return f"{text}to the photo.", ["2103.00020"]
