"""The tables of models of a study: those of the paper, and one of all models."""

from typing import Any

from stillact.study.config import Config


def of_models(config: Config) -> dict[str, dict[str, Any]]:
    """The tables by name, each with its task, subset, rows (the model of each name shown) and name
    (heading of the names); those of the paper also with `paper`: the number of the paper's table
    with their values, or None for all of its tables.

    Tables without any model of the study are omitted.
    """
    tables = {"all_models": _table(config.main_task, config.tasks[config.main_task].models)}
    if config.paper:
        for name, block in config.paper.tables.items():
            # Of the paper's table 7 only one value is known; the others come from other tables.
            number = None if name == "table_7" else int(name.removeprefix("table_"))
            tables[name] = _table(block.task, block.models) | {"paper": number}
    if config.augmentations:
        tables["table_3"] = {
            "task": config.augmentations.task,
            "subset": "validation",
            "rows": config.variants(),
            "name": "augmentation",
            "paper": 3,
        }
    return {name: table for name, table in sorted(tables.items()) if _trained(config, table)}


def _table(task: str, models: list[str]) -> dict[str, Any]:
    return {
        "task": task,
        "subset": "test",
        "rows": {model: model for model in models},
        "name": "model",
    }


def _trained(config: Config, table: dict[str, Any]) -> bool:
    if table["task"] not in config.tasks:
        return False
    return not {*table["rows"].values()}.isdisjoint(config.models_of(table["task"]))
