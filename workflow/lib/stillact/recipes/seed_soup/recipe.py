"""The recipe seed_soup."""

from stillact.recipes.fine_tune.recipe import FromFineTuned
from stillact.recipes.seed_soup.config import SeedSoupModel, SeedSoupPlan


class SeedSoup(FromFineTuned):
    name = "seed_soup"
    summary = "nothing: average the weights of all seeds (model soups)"
    Model, Plan = SeedSoupModel, SeedSoupPlan
    heads = ("text", "probe", "text_tower")  # all seeds start alike
    card_text = "The mean of the weights of all seeds (a model soup)"
    source = "2203.05482"
    of_seeds = True

    def work(self, plan: SeedSoupPlan, trained_on: float, predicted: float, gmacs: float) -> float:
        return predicted * gmacs

    def describe(self, model: SeedSoupModel) -> str:
        return f"The mean of the weights of all seeds of {model.of}."
