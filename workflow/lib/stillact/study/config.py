"""The whole config of a study, and the models, runs and splits derived from it."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

from pydantic import BeforeValidator, Field, model_validator

from stillact.config.backbones import Backbone, Detector, PromptSet, Templates
from stillact.config.data import Curate, Dataset, Duplicates, External, Fetch, People, Splits
from stillact.config.evaluation import Explain, Predict, Report, Robustness, Sweep
from stillact.config.paper import Augmentations, Paper
from stillact.config.synthetic import Pretrain, Synthetic
from stillact.config.training import LOOK_AT_PEOPLE, Plan, Precision
from stillact.config.types import Block, Count, File, Label, Name, Seed, fault
from stillact.core.runs import Run, fold_split
from stillact.recipes.base import Recipe, Resources
from stillact.recipes.registry import RECIPES
from stillact.study import checks
from stillact.study.recipe_blocks import CrossValidation, Recipes, ResourcesOfRecipes

# Config keys that are not part of the study: what is done afterwards.
AFTERWARDS = ("photos", "sort_into", "deploy", "predict", "corrections")

if TYPE_CHECKING:
    Model = Any
else:
    Model = Annotated[
        Union[tuple(recipe.Model for recipe in RECIPES.values())],  # noqa: UP007
        Field(discriminator="recipe", description="Recipe and architecture of a model."),
    ]


def _known_recipes(models: Any) -> Any:
    for name, block in models.items() if isinstance(models, dict) else ():
        if isinstance(block, dict) and block.get("recipe") == "views":
            fault("{name}.recipe: 'views' is now 'tta'; set that", name=name)
    return models


class Task(Block):
    renamed = {"beyond": "part of the list models"}  # noqa: RUF012

    classes: Annotated[list[Label], Field(min_length=2, description="Classes to distinguish.")]
    models: Annotated[list[Name], Field(description="Models trained on this task.")]


class Config(Block):
    """The study: data, splits, models and their training."""

    removed = {  # noqa: RUF012
        "selection": "the most accurate model over all folds is chosen, and its accuracy corrected "
        "for the choice; remove the key"
    }
    renamed = {  # noqa: RUF012
        "stage": "synthetic",
        "use": "deploy",
        "augmentation_study": "paper.table_3",
        "statistics": "paper.anova and paper.t_test",
    }

    labelled: Annotated[
        File | None,
        Field(
            description="Your labelled photos, as in dataset.manifest: their classes, a task, "
            "prompts, splits and models are set accordingly. null: all are set here."
        ),
    ] = None
    dataset: Dataset
    fetch: Fetch
    curate: Curate
    synthetic: Synthetic
    pretrain: Pretrain
    duplicates: Duplicates
    people: People = People()
    splits: Splits
    cross_validation: CrossValidation
    tasks: Annotated[
        dict[Name, Task],
        Field(min_length=1, description="Classification tasks; the first is the main one."),
    ]
    recipes: Recipes
    resources: Annotated[
        ResourcesOfRecipes, Field(description="Overrides of the jobs' resources, by recipe.")
    ] = ResourcesOfRecipes()
    backbones: Annotated[
        dict[Name, Backbone], Field(description="Pretrained models, by the name used in models.")
    ]
    detectors: Annotated[
        dict[Name, Detector],
        Field(description="Networks that find people, by the name used in people.detector."),
    ]
    prompts: Annotated[
        dict[Name, PromptSet], Field(description="Prompt sets: texts of each class.")
    ]
    models: Annotated[
        dict[Name, Model],
        Field(description="Models, by the name of their runs."),
        BeforeValidator(_known_recipes),
    ]
    paper: Annotated[
        Paper | None,
        Field(
            description="Tables, tests and claims of the paper, and its values beside those of the "
            "study; only in a study on its photos whose main task has models of these tables. "
            "null: in none."
        ),
    ]
    report: Report
    explain: Explain
    robustness: Robustness
    sweep: Sweep
    external: Annotated[External | None, Field(description="null: no external validation.")] = None
    photos: Annotated[
        str | None,
        Field(description="Input of `predict`: a folder, or a CSV with a column url."),
    ] = None
    sort_into: Annotated[
        str | None,
        Field(
            min_length=1,
            description="Folder into which `predict` copies the photos, one folder per predicted "
            "class; null: none.",
        ),
    ] = None
    deploy: Annotated[
        Name | None,
        Field(description="Model used by `predict` and `export`; null: the selected one."),
    ] = None
    predict: Predict = Predict()
    corrections: Annotated[
        File | None,
        Field(description="Input of `correct`: corrections.csv, as saved on results/review.html."),
    ] = None
    seeds: Annotated[
        list[Seed], Field(min_length=1, description="Random seeds, one training run each.")
    ]
    runs_per_job: Annotated[Count, Field(description="Seeds trained in one process.")]
    keep_weights: Annotated[
        Literal["read", "all", "none"],
        Field(
            description="Weights of runs. read: those that another rule may load, which are the "
            "main task's on the holdout, and those that a model is derived from. all. none: as "
            "read, but each is deleted once the rules that load it are done; if one of these is "
            "to run again, the model is trained again."
        ),
    ]
    device: Annotated[
        Literal["auto", "cpu", "cuda"], Field(description="auto: a GPU if there is one.")
    ]
    precision: Annotated[
        Precision,
        Field(
            description="Of frozen backbones and of training on photos: fp32; bf16; or auto: bf16 "
            "where the processor is faster in it, except for frozen backbones that are not "
            "transformers, networks from scratch on a GPU, and fine-tuned ones on a CPU that are "
            "tiny or not transformers. The joints of people are computed in fp32."
        ),
    ] = "auto"

    @model_validator(mode="after")
    def _names_agree(self) -> "Config":
        checks.check(self)
        return self

    def texts(self, prompts: str) -> dict[str, list[str]]:
        """The texts of a prompt set for each class of the dataset that has any, with templates
        filled in."""
        block = self.prompts[prompts]
        filled = isinstance(block, Templates)
        base = self.prompts[block.of] if filled else block
        texts = {label: base[label] for label in self.dataset.classes if label in base}
        if not filled:
            return texts
        return {
            label: [template.replace("{}", word) for template in block.templates for word in words]
            for label, words in texts.items()
        }

    def precision_of(self, backbone: str) -> str:
        """The precision of a frozen backbone."""
        return "fp32" if self.backbones[backbone].gives_joints else self.precision

    @property
    def main_task(self) -> str:
        """The first task, which the report's summary and the paper's comparisons use."""
        return next(iter(self.tasks))

    @property
    def of_paper(self) -> bool:
        """Whether the study is on the paper's photos and its main task has models of the paper."""
        if self.paper is None:
            return False
        manifest, models = PurePath(self.dataset.manifest), self.tasks[self.main_task].models
        theirs = self.paper.models_of(self.main_task)
        return any(map(manifest.match, self.paper.manifests)) and not theirs.isdisjoint(models)

    @property
    def explained(self) -> list[str]:
        """The models with saliency maps: the fine-tuned ones of the main task, in a study of the
        paper those of its tables."""
        tuned = self.models_by("fine_tune")
        models = [model for model in self.tasks[self.main_task].models if model in tuned]
        if self.paper is None or not self.of_paper:
            return models
        return [m for m in models if m in self.paper.models_of(self.main_task)] or models

    @property
    def occluded(self) -> list[str]:
        """The models evaluated with people covered: those of the main task that take one view of
        the whole photo."""
        models = self.tasks[self.main_task].models
        return [m for m in models if not self.members_of(m) and self._views(m) == ("whole",)]

    @property
    def augmentations(self) -> Augmentations | None:
        """The paper's table 3, if the study has its task."""
        if self.paper is None or not self.of_paper or self.paper.table_3.task not in self.tasks:
            return None
        return self.paper.table_3

    def variants(self) -> dict[str, str]:
        """The model of each variant of the paper's table 3.

        A variant with the model's own augmentations is that model, not a second one.
        """
        if (table := self.augmentations) is None:
            return {}
        same = self.models[table.model].augment
        return {
            variant: table.model if augment == same else f"{table.model}_{variant}"
            for variant, augment in table.variants.items()
        }

    def own_variants(self) -> dict[str, Model]:
        if (table := self.augmentations) is None:
            return {}
        return {
            model: self.models[table.model].model_copy(update={"augment": table.variants[variant]})
            for variant, model in self.variants().items()
            if model != table.model
        }

    @property
    def usable(self) -> list[str]:
        """The models of the main task that can be used on new photos, the cheapest recipe first."""
        models = self.tasks[self.main_task].models
        order = list(RECIPES)
        usable = [name for name in models if not self._unusable(name)]
        return sorted(usable, key=lambda name: order.index(self.models[name].recipe))

    @property
    def candidates(self) -> list[str]:
        """The usable models that are cross-validated, of which one is recommended."""
        return [name for name in self.usable if self.repeats(self.models[name].recipe)]

    @property
    def not_judged(self) -> dict[str, str]:
        """The other models of the main task, and why they cannot be recommended."""
        reasons = {}
        for name in self.tasks[self.main_task].models:
            recipe = self.models[name].recipe
            if unusable := self._unusable(name):
                reasons[name] = unusable
            elif RECIPES[recipe].of_seeds:
                reasons[name] = "a mean of several seeds is not cross-validated"
            elif not self.repeats(recipe):
                reasons[name] = f"not cross-validated (cross_validation.{recipe} is 0)"
        return reasons

    def _unusable(self, model: str) -> str:
        if self.looks_at_people(model) and self.people.boxes != "detector":
            return (
                "looks at a person, and the person boxes of the manifest are not available for new "
                "photos (people.boxes: detector evaluates it on detected ones)"
            )
        return ""

    def looks_at_people(self, model: str) -> bool:
        """Whether a model needs the person boxes of a photo."""
        views = {view for one in self.members_of(model) or [model] for view in self._views(one)}
        return not LOOK_AT_PEOPLE.isdisjoint(views)

    def _views(self, model: str) -> tuple[str, ...]:
        """The views of a photo that a model takes, as `Plan.squares`."""
        block = self.every_model()[model]
        own = getattr(block, "squares", None)
        return own or (self._views(block.of) if hasattr(block, "of") else ("whole",))

    @property
    def robustness_models(self) -> list[str]:
        """The models evaluated on corrupted photos. Names that the main task does not have are
        skipped, so that other studies need not change the list."""
        return [name for name in self.robustness.models if name in self.usable]

    def asked(self, models: Iterable[str]) -> dict[str, list[str]]:
        """The models of the main task, and the members of ensembles among them, by what predicts
        further photos at once: those that take the same features of a frozen backbone, or one model
        alone. The names serve as paths."""
        found: dict[str, list[str]] = {}
        single = [one for model in models for one in self.members_of(model) or [model]]
        for model in dict.fromkeys(single):
            features = self.plan(self.main_task, model).shared_features
            found.setdefault(f"frozen/{features}" if features else model, []).append(model)
        return found

    def backbone_of(self, model: str) -> str | None:
        """The backbone of a model, if it has one of its own."""
        block = self.every_model()[model]
        if RECIPES[block.recipe].derived:
            return self.backbone_of(block.of)
        return getattr(block, "backbone", None)

    def models_of(self, task: str) -> list[str]:
        """The models trained on `task`, including the variants of the paper's table 3, in order."""
        table = self.augmentations
        variants = self.variants().values() if table and table.task == task else ()
        return list(dict.fromkeys([*self.tasks[task].models, *variants]))

    def models_by(self, recipe: str) -> list[str]:
        """The models of a recipe, including the variants of the paper's table 3, in order."""
        return [name for name, model in self.every_model().items() if model.recipe == recipe]

    def cv_splits(self, recipe: str) -> list[str]:
        """The cross-validation splits of a recipe's models, one per fold."""
        folds, repeats = self.splits.kfold.folds, self.repeats(recipe)
        return [fold_split(repeat, fold) for repeat in range(repeats) for fold in range(folds)]

    def repeats(self, recipe: str) -> int:
        """The number of repeats of the folds; 0 for a soup of seeds, as folds have one seed."""
        return 0 if RECIPES[recipe].of_seeds else getattr(self.cross_validation, recipe)

    def seeds_of(self, model: str) -> list[int]:
        """The seeds of a model's runs on the holdout; one for a soup of all seeds."""
        return self.seeds[:1] if self.recipe_of(model).of_seeds else self.seeds

    def keeps_weights(self, task: str, model: str, folds: bool) -> bool:
        """Whether the weights of a model's runs on a task, on the holdout or on the folds, are
        saved: if another model is derived from them, and, on the holdout, if the model is one of
        the main task's, which other rules load."""
        if self.keep_weights == "all":
            return True
        models = self.tasks[task].models
        derived = [self.models[name] for name in models if self.recipe_of(name).derived]
        if any(one.of == model and (not folds or self.repeats(one.recipe)) for one in derived):
            return True
        return not folds and task == self.main_task and model in models

    def runs_of(self, task: str) -> list[Run]:
        """All runs of a task: all models on the holdout, with every seed, and the task's own models
        on the folds, with the first seed."""
        runs = [
            Run(task, model, "holdout", seed)
            for model in self.models_of(task)
            for seed in self.seeds_of(model)
        ]
        for model in self.tasks[task].models:
            splits = self.cv_splits(self.models[model].recipe)
            runs += [Run(task, model, split, self.seeds[0]) for split in splits]
        return runs

    def plan(self, task: str, model: str) -> Plan:
        """The plan of the runs of `model` on `task`."""
        block = self.every_model()[model]
        if members := self.members_of(model):
            plans = {name: self.plan(task, name) for name in members}
            return RECIPES[block.recipe].combined(self, block, plans)
        of = self.plan(task, block.of) if RECIPES[block.recipe].derived else None
        return RECIPES[block.recipe].plan(self, block, self.tasks[task].classes, of)

    def members_of(self, model: str) -> list[str]:
        """The models that an ensemble combines; none for other models."""
        return getattr(self.every_model()[model], "members", [])

    def made_of(self, model: str) -> list[str]:
        """The other models that a model is made of: the base of a derived one; the members of an
        ensemble, and their bases."""
        of = getattr(self.every_model()[model], "of", None)
        direct = self.members_of(model) or ([of] if of else [])
        return list(dict.fromkeys(found for one in direct for found in (one, *self.made_of(one))))

    def recipe_of(self, model: str) -> Recipe:
        """The recipe of a model."""
        return RECIPES[self.every_model()[model].recipe]

    def resources_of(self, recipe: str) -> Resources:
        """The resources of a recipe's jobs."""
        overrides = getattr(self.resources, recipe).model_dump(exclude_none=True)
        return replace(RECIPES[recipe].resources, **overrides)

    def every_model(self) -> dict[str, Model]:
        return {**self.models, **self.own_variants()}
