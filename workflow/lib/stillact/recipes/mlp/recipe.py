"""The recipe mlp."""

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
        features = (
            f"the embeddings of the pretrained {of}{model.of_views}"
            if model.features == "embedding"
            else f"the pretrained {of}'s similarities of a photo to each class's prompts"
        )
        return f"A fully connected network, trained on {features}; {of} is frozen."

    def card(self, plan: MLPPlan, backbone: str) -> tuple[str, list[str]]:
        text = f"A small fully connected network on features of {backbone}, which is frozen"
        return f"{text}{plan.of_views}.", []
