"""What the workflow knows of the recipe mlp."""

from stillact.recipes.base import FROZEN, Recipe
from stillact.recipes.mlp.config import MLP as Settings
from stillact.recipes.mlp.config import MLPModel, MLPPlan


class MLP(Recipe):
    name = "mlp"
    summary = "a small fully connected network on a backbone's features"
    Model, Plan, Settings = MLPModel, MLPPlan, Settings
    resources = FROZEN
    frozen = True

    def work(self, plan: MLPPlan, trained_on: float, predicted: float, gmacs: float) -> float:
        return trained_on * plan.training.max_epochs

    def describe(self, model: MLPModel) -> str:
        of = model.backbone
        seen = (
            f"what the pretrained {of} makes of a photo (its embedding)"
            if model.features == "embedding"
            else f"how similar the pretrained {of} finds a photo to each class's prompts"
        )
        return f"A dense network, trained on {seen}; {of} stays as it is."

    def card(self, plan: MLPPlan, backbone: str) -> tuple[str, list[str]]:
        said = (
            f"A small dense net on what {backbone} tells of a photo; {backbone} is left as it is."
        )
        return said, []
