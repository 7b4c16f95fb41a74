"""Checks across the blocks of a config: consistency of names."""

from collections.abc import Iterator
from typing import Any

from stillact.config.backbones import Templates
from stillact.config.types import fault, known, unique
from stillact.recipes.registry import RECIPES


def check(config: Any) -> None:
    """Check that a config's names are consistent.

    Args:
        config: a `study.config.Config`.

    Raises:
        pydantic_core.PydanticCustomError: names the key, the value and what is allowed.
    """
    unique("seeds", config.seeds)
    unique("dataset.classes", config.dataset.classes)
    for block in ("curate", "synthetic"):
        if config.dataset.manifest == f"results/{block}/manifest.csv":
            wanted = getattr(config, block).images_per_class
            known(f"{block}.images_per_class", wanted, config.dataset.classes)
    known("curate.images_per_class", config.curate.images_per_class, config.curate.verbs)
    for name, task in config.tasks.items():
        unique(f"tasks.{name}.classes", task.classes)
        unique(f"tasks.{name}.models", task.models)
        known(
            f"tasks.{name}.classes",
            task.classes,
            config.dataset.classes,
            f". To remove a task, set tasks.{name}: null",
        )
        known(f"tasks.{name}.models", task.models, config.models)
        if not task.models:
            fault(
                "tasks.{name}.models: [] has no model; name at least one, or remove the task "
                "with tasks.{name}: null",
                name=name,
            )
    if config.of_paper:
        _paper(config)
    most = config.splits.kfold.repeats
    used = {config.models[model].recipe for task in config.tasks.values() for model in task.models}
    asked = [(name, n) for name, n in config.cross_validation if name in used]
    if over := [f"{name}: {n}" for name, n in asked if n > most]:
        fault(
            "cross_validation: more repeats than the {most} of splits.kfold.repeats; raise "
            "the latter, or lower {over}",
            most=most,
            over=", ".join(over),
        )
    if config.people.detector is not None:
        known("people.detector", [config.people.detector], config.detectors)
    unique("explain.layers", config.explain.layers)
    if config.explain.model is not None:
        known("explain.model", [config.explain.model], config.explained)
    for name, prompts in config.prompts.items():
        if isinstance(prompts, Templates):
            plain = [n for n, p in config.prompts.items() if not isinstance(p, Templates)]
            known(f"prompts.{name}.of", [prompts.of], plain)
    for name, model in config.models.items():
        RECIPES[model.recipe].check(config, name, model)
    for task in config.tasks.values():
        _bases_are_trained(config, task)
    if config.deploy is not None:
        known("deploy", [config.deploy], config.usable)
    swept = ("fine_tune", "from_scratch")
    known(
        "sweep.models",
        config.sweep.models,
        [model for model, block in config.models.items() if block.recipe in swept],
    )


def _bases_are_trained(config: Any, task: Any) -> None:
    """Check that a derived model's base is a model of the same task, with at least as many
    cross-validation repeats."""
    for name, base in _bases(config, task):
        key = "members" if config.members_of(name) else "of"
        model, base_recipe = config.models[name], config.models[base].recipe
        if base not in task.models:
            fault(
                "models.{name}.{key}: {base} is not trained on a task of {name}; add it there",
                name=name,
                key=key,
                base=base,
            )
        ours, theirs = config.repeats(model.recipe), config.repeats(base_recipe)
        if getattr(model, "combine", "") == "stack" and not theirs:
            fault(
                "models.{name}.combine: stack needs out-of-fold predictions of {base}, and "
                "cross_validation.{recipe} is 0; raise it, or set combine: mean",
                name=name,
                base=base,
                recipe=base_recipe,
            )
        if ours > theirs:
            fault(
                "cross_validation.{recipe}: {ours} repeats are more than the {theirs} of "
                "{base}, from whose runs they are derived",
                recipe=model.recipe,
                ours=ours,
                theirs=theirs,
                base=base_recipe,
            )


def _bases(config: Any, task: Any) -> Iterator[tuple[str, str]]:
    """Each model of a task that is made of others, with each of these."""
    for name in task.models:
        if RECIPES[config.models[name].recipe].derived:
            yield name, config.models[name].of
        for member in config.members_of(name):
            yield name, member


def _paper(config: Any) -> None:
    """Check the paper's table 3, in a study that the block applies to. In its other tables and in
    its tests, models that the study lacks are skipped."""
    model = config.paper.table_3.model
    known("paper.table_3.model", [model], config.models)
    if not hasattr(config.models[model], "augment"):
        fault(
            "paper.table_3.model: {model} learns from features, which are not augmented; "
            "name a model that is trained on photos",
            model=model,
        )
    unique("models and paper.table_3.variants", [*config.models, *config.own_variants()])
