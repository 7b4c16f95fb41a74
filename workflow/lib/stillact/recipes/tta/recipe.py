"""The recipe tta."""

from dataclasses import replace

from stillact.core.text_tables import listed
from stillact.recipes.base import TUNING, Recipe, StudyConfig
from stillact.recipes.tta.config import TTAModel, TTAPlan


class TTA(Recipe):
    name = "tta"
    summary = "nothing: average the predictions over several views of a photo"
    Model, Plan = TTAModel, TTAPlan
    resources = replace(TUNING, minutes=10, folds_per_job=10)
    gpu = True
    env = "backbones"

    def bases(self, config: StudyConfig) -> list[str]:
        return [
            name
            for name, block in config.models.items()
            if hasattr(block, "backbone")
            and block.recipe != "pose"
            and getattr(block, "sees", ["whole"]) == ["whole"]
        ]

    def work(self, plan: TTAPlan, trained_on: float, predicted: float, gmacs: float) -> float:
        return predicted * len(plan.views) * gmacs

    def describe(self, model: TTAModel) -> str:
        views = listed(model.views)
        return f"The mean prediction of {model.of} over views of a photo ({views})."

    def card(self, plan: TTAPlan, backbone: str) -> tuple[str, list[str]]:
        from stillact.recipes.registry import RECIPES  # which imports this module

        base, sources = RECIPES[plan.of.recipe].card(plan.of, backbone)
        views = listed(plan.views)
        return f"The mean of the logits over views of a photo ({views}). The model: {base}", sources
