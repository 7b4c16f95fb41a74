"""The recipe fine_tune."""

from dataclasses import replace
from typing import Any

from stillact.recipes.base import TUNING, Recipe, StudyConfig
from stillact.recipes.fine_tune.config import FineTune as Settings
from stillact.recipes.fine_tune.config import FineTuneModel, FineTunePlan

HEADS = {  # initialisation of the last layer
    "random": "a new last layer",
    "text": "a new last layer, which starts from the classes' prompts",
    "probe": "a new last layer, which starts from a logistic regression",
    "text_tower": "its text tower, which embeds the classes' prompts",
}
CARDS = {  # per head: what is trained, and its sources; {} is the backbone
    "random": ("The image tower of {} and a new linear head on it, all of it fine-tuned", []),
    "text": (
        "The image tower of {} and a linear head that starts from the embeddings of the classes' "
        "prompts, all of it fine-tuned",
        ["2109.01903"],
    ),
    "probe": (
        "The image tower of {} and a linear head that starts from a linear probe, all of it "
        "fine-tuned (LP-FT)",
        ["2202.10054"],
    ),
    "text_tower": (
        "Both towers of {}, fine-tuned; the classes' prompts classify, as embedded by the final "
        "text tower (FLYP)",
        ["2212.00638"],
    ),
}


class FineTune(Recipe):
    name = "fine_tune"
    summary = "all parameters of a backbone and a new head"
    Model, Plan, Settings = FineTuneModel, FineTunePlan, Settings
    resources = TUNING
    gpu = True
    env = "backbones"

    def more(self, config: StudyConfig, model: FineTuneModel, classes: list[str]) -> dict[str, Any]:
        texts = config.texts(model.prompts) if model.head == "text_tower" else None
        return {
            "probe": config.recipes.linear_probe if model.head == "probe" else None,
            "texts": texts and {label: texts[label] for label in classes},
        }

    def work(self, plan: FineTunePlan, trained_on: float, predicted: float, gmacs: float) -> float:
        return trained_on * plan.training.max_epochs * gmacs

    def weights_mb(self, tower_mb: float) -> float:
        return tower_mb

    def describe(self, model: FineTuneModel) -> str:
        return (
            f"The pretrained {model.backbone}, trained further together with {HEADS[model.head]}."
        )

    def card(self, plan: FineTunePlan, backbone: str) -> tuple[str, list[str]]:
        text, sources = CARDS[plan.head]
        return f"{text.replace('{}', backbone)}.", sources


class FromFineTuned(Recipe):
    """A recipe whose models are derived from the trained runs of a fine-tuned one.

    heads: of the fine-tuned models that it takes.
    card_text, source: what distinguishes its model card, and the arXiv id of where it is from.
    """

    resources = replace(TUNING, minutes=30)
    gpu = True
    env = "backbones"
    heads: tuple[str, ...]
    card_text: str
    source: str

    def bases(self, config: StudyConfig) -> list[str]:
        return [
            name
            for name, block in config.models.items()
            if isinstance(block, FineTuneModel) and block.head in self.heads
        ]

    def weights_mb(self, tower_mb: float) -> float:
        return tower_mb

    def card(self, plan: Any, backbone: str) -> tuple[str, list[str]]:
        base, sources = FineTune().card(plan.of, backbone)
        text = f"{self.card_text}. The fine-tuned model: {base}"
        return text, list(dict.fromkeys([self.source, *sources]))
