"""The recipe from_scratch."""

from typing import Any

from stillact.config.networks import CNN, FNN
from stillact.config.types import Block, fault, known
from stillact.core.text_tables import listed
from stillact.recipes.base import Recipe, Resources, StudyConfig
from stillact.recipes.from_scratch.config import FromScratch as Settings
from stillact.recipes.from_scratch.config import FromScratchModel, FromScratchPlan


class FromScratch(Recipe):
    name = "from_scratch"
    summary = "a network from random weights"
    Model, Plan, Settings = FromScratchModel, FromScratchPlan, Settings
    resources = Resources(threads=1, mem_mb=3000, minutes=20)
    gpu = True

    def more(
        self, config: StudyConfig, model: FromScratchModel, classes: list[str]
    ) -> dict[str, Any]:
        network = model.network
        return {
            "matched": config.models[network.match].network if isinstance(network, FNN) else None
        }

    def check(self, config: StudyConfig, name: str, model: FromScratchModel) -> None:
        size, network = config.recipes.from_scratch.size, model.network
        if isinstance(network, CNN) and 2 ** len(network.channels) > size:
            fault(
                "models.{name}.network.channels: {blocks} blocks halve an input of {size} px to "
                "nothing; use fewer, or raise recipes.from_scratch.size",
                name=name,
                blocks=len(network.channels),
                size=size,
            )
        if isinstance(network, FNN):
            cnns = [other for other, block in config.models.items() if _is_cnn(block)]
            known(f"models.{name}.network.match", [network.match], cnns)

    def work(
        self, plan: FromScratchPlan, trained_on: float, predicted: float, gmacs: float
    ) -> float:
        return trained_on * plan.training.max_epochs * (plan.training.size / 128) ** 2

    def weights_mb(self, tower_mb: float) -> float:
        return 5

    def describe(self, model: FromScratchModel) -> str:
        kind = "convolutional" if isinstance(model.network, CNN) else "fully connected"
        means = [
            name
            for name, used in (
                ("augmentation", model.augment),
                ("batch norm", getattr(model.network, "batch_norm", False)),
                ("dropout", getattr(model.network, "dropout", 0)),
            )
            if used
        ]
        return (
            f"A {kind} network{' with ' if means else ''}{listed(means)}, trained from random "
            "weights."
        )

    def card(self, plan: FromScratchPlan, backbone: str) -> tuple[str, list[str]]:
        kind = "convolutional" if isinstance(plan.network, CNN) else "fully connected"
        return f"A {kind} network, from random weights, on the training photos only.", []


def _is_cnn(model: Block) -> bool:
    return isinstance(model, FromScratchModel) and isinstance(model.network, CNN)
