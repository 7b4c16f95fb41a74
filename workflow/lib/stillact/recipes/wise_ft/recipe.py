"""The recipe wise_ft."""

from dataclasses import replace

from stillact.recipes.base import TUNING, Recipe, StudyConfig
from stillact.recipes.fine_tune.recipe import FineTune
from stillact.recipes.wise_ft.config import WiseFT as Settings
from stillact.recipes.wise_ft.config import WiseFTModel, WiseFTPlan


class WiseFT(Recipe):
    name = "wise_ft"
    summary = "nothing: interpolate between zero-shot and fine-tuned weights (WiSE-FT)"
    Model, Plan, Settings = WiseFTModel, WiseFTPlan, Settings
    resources = replace(TUNING, minutes=30)
    gpu = True
    env = "backbones"

    def bases(self, config: StudyConfig) -> list[str]:
        return [
            name
            for name, block in config.models.items()
            if isinstance(block, FineTune.Model) and block.head == "text"
        ]

    def work(self, plan: WiseFTPlan, trained_on: float, predicted: float, gmacs: float) -> float:
        return predicted * (plan.training.steps + 1) * gmacs

    def weights_mb(self, tower_mb: float) -> float:
        return tower_mb

    def describe(self, model: WiseFTModel) -> str:
        return f"Weights between those of {model.of} before and after its training."

    def card(self, plan: WiseFTPlan, backbone: str) -> tuple[str, list[str]]:
        base, sources = FineTune().card(plan.of, backbone)
        text = "Weights between the zero-shot and the fine-tuned model (WiSE-FT)"
        return (
            f"{text}. The fine-tuned model: {base}",
            list(dict.fromkeys(["2109.01903", *sources])),
        )
