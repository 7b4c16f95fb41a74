from pathlib import Path

from stillact.recipes.fine_tune import recipe as fine_tune
from stillact.recipes.registry import RECIPES, SIMPLEST_FIRST
from stillact.recipes.setups import plan_of

PACKAGES = Path(fine_tune.__file__).parents[1]


def test_every_package_is_registered_under_its_name_once():
    packages = {path.parent.name for path in PACKAGES.glob("*/recipe.py")}
    assert packages == set(RECIPES)
    assert len(SIMPLEST_FIRST) == len(RECIPES)


def test_every_recipe_says_what_it_is():
    for name, recipe in RECIPES.items():
        assert recipe.name == name
        assert recipe.summary
        assert recipe.resources.mem_mb > 0
        assert recipe.Model.model_fields["recipe"].annotation.__args__ == (name,)


def test_the_plan_of_a_recipe_is_found_by_its_name():
    block = dict(recipe="zero_shot", backbone="clip", prompts="words", classes=["a", "b"])
    assert type(plan_of(block)) is RECIPES["zero_shot"].Plan


def test_every_head_has_words():
    heads = fine_tune.FineTuneModel.model_fields["head"].annotation.__args__
    assert set(heads) == set(fine_tune.HEADS) == set(fine_tune.CARDS)


def test_weights_of_a_run_are_as_large_as_what_is_trained():
    assert RECIPES["fine_tune"].weights_mb(350) == RECIPES["seed_soup"].weights_mb(350) == 350
    assert RECIPES["linear_probe"].weights_mb(350) == 1
