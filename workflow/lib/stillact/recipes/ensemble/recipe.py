"""The recipe ensemble."""

from collections.abc import Mapping

from stillact.config import training
from stillact.config.training import LinearProbe as Settings
from stillact.config.types import known
from stillact.core.text_tables import listed
from stillact.recipes.base import Recipe, Resources, StudyConfig
from stillact.recipes.ensemble.config import EnsembleModel, EnsemblePlan

WAYS = {
    "mean": "The geometric mean of the predictions",
    "stack": "A logistic regression on the logarithms of the out-of-fold predictions",
}


class Ensemble(Recipe):
    name = "ensemble"
    summary = "nothing but weights: combine the predictions of several models"
    Model, Plan, Settings = EnsembleModel, EnsemblePlan, Settings
    resources = Resources(threads=1, mem_mb=2000, minutes=3, folds_per_job=50)
    combines = True

    def combined(
        self, config: StudyConfig, model: EnsembleModel, members: Mapping[str, training.Plan]
    ) -> EnsemblePlan:
        block = {
            "recipe": self.name,
            "members": {name: plan.model_dump() for name, plan in members.items()},
            "combine": model.combine,
            "training": config.recipes.ensemble,
        }
        return EnsemblePlan.model_validate(block)

    def check(self, config: StudyConfig, name: str, model: EnsembleModel) -> None:
        others = [one for one, block in config.models.items() if block.recipe != "ensemble"]
        known(f"models.{name}.members", model.members, others)

    def work(self, plan: EnsemblePlan, trained_on: float, predicted: float, gmacs: float) -> float:
        return predicted

    def describe(self, model: EnsembleModel) -> str:
        return f"{WAYS[model.combine]} of {listed(model.members)}."

    def card(self, plan: EnsemblePlan, backbone: str) -> tuple[str, list[str]]:
        from stillact.recipes.registry import RECIPES  # which imports this module

        cards = {
            name: RECIPES[of.recipe].card(of, getattr(of, "backbone", ""))
            for name, of in plan.members.items()
        }
        sources = dict.fromkeys(source for _, sources in cards.values() for source in sources)
        texts = "; ".join(f"{name}: {text.rstrip('.')}" for name, (text, _) in cards.items())
        return f"{WAYS[plan.combine]} of {len(cards)} models. {texts}.", list(sources)
