"""All recipes. To add one, add a package beside this module, and a line here."""

from stillact.recipes.base import Recipe
from stillact.recipes.ensemble.recipe import Ensemble
from stillact.recipes.fine_tune.recipe import FineTune
from stillact.recipes.from_scratch.recipe import FromScratch
from stillact.recipes.linear_probe.recipe import LinearProbe
from stillact.recipes.mlp.recipe import MLP
from stillact.recipes.pose.recipe import Pose
from stillact.recipes.prolip.recipe import ProLIP
from stillact.recipes.seed_soup.recipe import SeedSoup
from stillact.recipes.tta.recipe import TTA
from stillact.recipes.wise_ft.recipe import WiseFT
from stillact.recipes.zero_shot.recipe import ZeroShot

# The simplest first: among equally good models, the one with the earlier recipe is selected.
SIMPLEST_FIRST: tuple[Recipe, ...] = (
    ZeroShot(),
    LinearProbe(),
    Pose(),
    ProLIP(),
    MLP(),
    FromScratch(),
    FineTune(),
    WiseFT(),
    SeedSoup(),
    TTA(),
    Ensemble(),
)
RECIPES = {recipe.name: recipe for recipe in SIMPLEST_FIRST}
