"""A recipe's plan and its setup, imported by the recipe's name.

A job depends on the code of its own recipe alone: the rules add the recipe's modules to the digest
of the script that imports them here.
"""

import importlib
from collections.abc import Mapping
from typing import Any

from stillact.config.training import Plan
from stillact.training.jobs import SetUp


def plan_of(block: Mapping[str, Any]) -> Plan:
    """The typed plan of a dumped one.

    Raises:
        pydantic.ValidationError: it is not a plan of its recipe.
    """
    config = importlib.import_module(f"stillact.recipes.{block['recipe']}.config")
    return config.PLAN.model_validate(block)


def setup_of(plan: Plan) -> SetUp:
    """What sets a plan up: the function `setup` of its recipe."""
    return importlib.import_module(f"stillact.recipes.{plan.recipe}.setup").setup
