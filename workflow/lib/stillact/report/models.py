"""Descriptions of the models for the report."""

from collections.abc import Iterable

from stillact.study.config import Config, Model


def of_tasks(config: Config) -> dict[str, Model]:
    """The models used in any task of the study, in the order of the config."""
    used = {name for task in config.tasks.values() for name in task.models}
    return {name: model for name, model in config.models.items() if name in used}


def backbones(config: Config, models: Iterable[str]) -> list[str]:
    """The backbones of these models, each with its weights."""
    used = {config.backbone_of(name) for name in models}
    return [
        f"{name}: {block.repository or (block.package or [block.weights])[0]}"
        for name, block in config.backbones.items()
        if name in used
    ]
