"""The recipe seed_soup."""

from dataclasses import replace

from stillact.recipes.base import TUNING, Recipe, StudyConfig
from stillact.recipes.fine_tune.recipe import FineTune
from stillact.recipes.seed_soup.config import SeedSoupModel, SeedSoupPlan


class SeedSoup(Recipe):
    name = "seed_soup"
    summary = "nothing: average the weights of all seeds (model soups)"
    Model, Plan = SeedSoupModel, SeedSoupPlan
    resources = replace(TUNING, minutes=30)
    gpu = True
    env = "backbones"
    of_seeds = True

    def bases(self, config: StudyConfig) -> list[str]:
        return [
            name
            for name, block in config.models.items()
            if isinstance(block, FineTune.Model) and block.head != "random"
        ]

    def work(self, plan: SeedSoupPlan, trained_on: float, predicted: float, gmacs: float) -> float:
        return predicted * gmacs

    def weights_mb(self, tower_mb: float) -> float:
        return tower_mb

    def describe(self, model: SeedSoupModel) -> str:
        return f"The mean of the weights of all seeds of {model.of}."

    def card(self, plan: SeedSoupPlan, backbone: str) -> tuple[str, list[str]]:
        base, sources = FineTune().card(plan.of, backbone)
        text = "The mean of the weights of all seeds (a model soup)"
        return (
            f"{text}. The fine-tuned model: {base}",
            list(dict.fromkeys(["2203.05482", *sources])),
        )
