"""What the workflow knows of the recipe views."""

from dataclasses import replace

from stillact.core.text_tables import listed
from stillact.recipes.base import TUNING, Recipe, StudyConfig
from stillact.recipes.views.config import ViewsModel, ViewsPlan


class Views(Recipe):
    name = "views"
    summary = "nothing: average the predictions over several views of a photo"
    Model, Plan = ViewsModel, ViewsPlan
    resources = replace(TUNING, minutes=30, folds_per_job=10)
    gpu = True
    env = "backbones"
    candidate = False  # new photos may lack a view

    def bases(self, config: StudyConfig) -> list[str]:
        return [name for name, block in config.models.items() if hasattr(block, "backbone")]

    def work(self, plan: ViewsPlan, trained_on: float, predicted: float, gmacs: float) -> float:
        return predicted * len(plan.views) * gmacs

    def describe(self, model: ViewsModel) -> str:
        views = listed(model.views)
        return f"{model.of}, asked about several views of a photo ({views}) at once."

    def card(self, plan: ViewsPlan, backbone: str) -> tuple[str, list[str]]:
        raise NotImplementedError("a model of several views cannot be deployed")
