"""The recipe prolip."""

from stillact.recipes.base import FROZEN, Recipe
from stillact.recipes.prolip.config import ProLIP as Settings
from stillact.recipes.prolip.config import ProLIPModel, ProLIPPlan


class ProLIP(Recipe):
    name = "prolip"
    summary = "the last projection of a backbone beside fixed prompts (ProLIP)"
    Model, Plan, Settings = ProLIPModel, ProLIPPlan, Settings
    resources = FROZEN
    frozen = True

    def work(self, plan: ProLIPPlan, trained_on: float, predicted: float, gmacs: float) -> float:
        return trained_on * plan.training.max_epochs

    def describe(self, model: ProLIPModel) -> str:
        return (
            f"The last projection of the pretrained {model.backbone}, trained to fit the prompts."
        )

    def card(self, plan: ProLIPPlan, backbone: str) -> tuple[str, list[str]]:
        text = f"The last projection of {backbone}; the prompts of the classes classify (ProLIP)."
        return text, ["2410.05270"]
