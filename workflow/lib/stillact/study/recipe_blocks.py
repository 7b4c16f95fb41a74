"""The blocks of the config with one key per recipe."""

from typing import Annotated, Any

from pydantic import Field, create_model

from stillact.config.types import Block, Count
from stillact.recipes.registry import RECIPES

Repeats = Annotated[int, Field(ge=0, description="Number of repeats of splits.kfold.")]


def _per_recipe(
    name: str, description: str, types: dict[str, Any], base: type[Block] = Block
) -> type[Block]:
    """A block with one key per recipe."""
    return create_model(name, __base__=base, __doc__=description, **types)


class _Folds(Block):
    renamed = {"views": "cross_validation.tta"}  # noqa: RUF012


CrossValidation = _per_recipe(
    "CrossValidation",
    "Repeats of k-fold cross-validation for the models of each recipe; 0: only the holdout.",
    {name: (Repeats, ...) for name, recipe in RECIPES.items() if not recipe.of_seeds},
    _Folds,
)
Recipes = _per_recipe(
    "Recipes",
    "Training settings of each recipe.",
    {name: (recipe.Settings, ...) for name, recipe in RECIPES.items() if recipe.Settings},
)


class JobResources(Block):
    """Resources of a recipe's jobs; a missing key: the recipe's default."""

    threads: Annotated[
        Count | None, Field(description="CPU threads, at most --cores; a GPU job needs few.")
    ] = None
    mem_mb: Annotated[
        Count | None, Field(description="Memory, MB; added again for each retry.")
    ] = None
    minutes: Annotated[
        Count | None,
        Field(description="Minutes per run; added again for each retry."),
    ] = None
    folds_per_job: Annotated[Count | None, Field(description="Folds trained in one process.")] = (
        None
    )


ResourcesOfRecipes = _per_recipe(
    "ResourcesOfRecipes",
    "Resources of the jobs of each recipe.",
    {name: (JobResources, JobResources()) for name in RECIPES},
)
