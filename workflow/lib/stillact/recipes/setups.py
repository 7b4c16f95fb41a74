"""Import of a recipe's plan and setup by the recipe's name.

A job depends only on the code of its own recipe: the rules add the recipe's modules to the digest
of the script that imports them here.
"""

import importlib
from collections.abc import Mapping
from typing import Any

from stillact.config.training import Plan
from stillact.training.jobs import SetUp


def plan_of(block: Mapping[str, Any]) -> Plan:
    """Validate a dumped plan.

    Raises:
        pydantic.ValidationError: it is not a valid plan of its recipe.
    """
    config = importlib.import_module(f"stillact.recipes.{block['recipe']}.config")
    return config.PLAN.model_validate(block)


def setup_of(plan: Plan) -> SetUp:
    """The function `setup` of a plan's recipe."""
    return importlib.import_module(f"stillact.recipes.{plan.recipe}.setup").setup
