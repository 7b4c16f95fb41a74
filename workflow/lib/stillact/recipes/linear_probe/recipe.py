"""The recipe linear_probe."""

from stillact.config.training import LinearProbe as Settings
from stillact.recipes.base import FROZEN, Recipe
from stillact.recipes.linear_probe.config import LinearProbeModel, LinearProbePlan


class LinearProbe(Recipe):
    name = "linear_probe"
    summary = "a logistic regression on a backbone's embeddings"
    Model, Plan, Settings = LinearProbeModel, LinearProbePlan, Settings
    resources = FROZEN
    frozen = True

    def work(
        self, plan: LinearProbePlan, trained_on: float, predicted: float, gmacs: float
    ) -> float:
        return trained_on * len(plan.training.c) * plan.training.folds

    def describe(self, model: LinearProbeModel) -> str:
        of = f"{model.backbone}{model.of_views}"
        return f"A logistic regression on the embeddings of the pretrained {of}."

    def card(self, plan: LinearProbePlan, backbone: str) -> tuple[str, list[str]]:
        return (
            f"Multinomial logistic regression on the embeddings of {backbone}, which is frozen"
            f"{plan.of_views}.",
            [],
        )
