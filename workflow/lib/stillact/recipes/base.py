"""The interface of a recipe to the workflow: one class per way to train; imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from stillact.config.training import Plan, Precision
from stillact.config.types import Block, fault, known


@dataclass(frozen=True)
class Resources:
    """Default resources of a recipe's jobs, which the config's `resources` override.

    threads: CPU threads, at most --cores.
    mem_mb: memory, MB; added again for each retry.
    minutes: per run; added again for each retry.
    folds_per_job: folds trained in one process; None: the config's runs_per_job.
    """

    threads: int
    mem_mb: int
    minutes: int
    folds_per_job: int | None = None


TUNING = Resources(threads=4, mem_mb=16000, minutes=60)
FROZEN = Resources(threads=1, mem_mb=2000, minutes=3, folds_per_job=10)


class StudyConfig(Protocol):
    """The parts of the whole config that recipes read."""

    backbones: dict[str, Any]
    prompts: dict[str, Any]
    models: dict[str, Any]
    recipes: Any
    dataset: Any
    precision: Precision
    tasks: dict[str, Any]

    def texts(self, prompts: str) -> dict[str, list[str]]: ...


class Recipe:
    """A way to train models, with one subclass per recipe; `registry.py` lists them.

    name: name in the config, and of the recipe's package.
    summary: one line for `snakemake --list`; follows "Train ".
    Model: block of a model in the config's `models`.
    Plan: specification of a run.
    Settings: block in the config's `recipes`; None: no settings.
    resources: default resources of a job.
    gpu: whether training uses a GPU.
    env: conda environment, a file in envs/.
    frozen: whether models take the features of a frozen backbone.
    of_seeds: whether a model is derived from all seeds of another, so that it has one run.
    combines: whether a model combines the predictions of other models, its `members`.
    """

    name: str
    summary: str
    Model: type[Block]
    Plan: type[Plan]
    Settings: type[Block] | None = None
    resources: Resources
    gpu: bool = False
    env: str = "train"
    frozen: bool = False
    of_seeds: bool = False
    combines: bool = False

    @property
    def derived(self) -> bool:
        """Whether a model is derived from the trained runs of another one."""
        return "of" in self.Model.model_fields

    def plan(self, config: StudyConfig, model: Block, classes: list[str], of: Plan | None) -> Plan:
        """The plan of a model on a task.

        Args:
            config: config of the study.
            model: block of the model.
            classes: classes of the task.
            of: plan of the base model, for a derived one.
        """
        block = model.model_dump()
        block |= {"classes": classes} if of is None else {"of": of.model_dump()}
        if self.Settings is not None:
            block["training"] = getattr(config.recipes, self.name)
        block |= {"precision": config.precision} if of is None else {}
        return self.Plan(**block | self.more(config, model, classes))

    def combined(self, config: StudyConfig, model: Any, members: Mapping[str, Plan]) -> Plan:
        """The plan of an ensemble.

        Args:
            config: config of the study.
            model: block of the model.
            members: plans of its members, by name.
        """
        raise NotImplementedError

    def more(self, config: StudyConfig, model: Any, classes: list[str]) -> dict[str, Any]:
        """Further fields of the plan, besides the model's own, its classes and settings."""
        return {}

    def bases(self, config: StudyConfig) -> list[str]:
        """The models from which one of this recipe can be derived."""
        return []

    def check(self, config: StudyConfig, name: str, model: Any) -> None:
        """Check that the names in a model's block exist and are valid for the recipe.

        Raises:
            pydantic_core.PydanticCustomError: names the key, the value and what is allowed.
        """
        if self.derived:
            known(f"models.{name}.of", [model.of], self.bases(config))
            return
        known(f"models.{name}.backbone", [model.backbone], config.backbones)
        if config.backbones[model.backbone].gives_joints and model.recipe != "pose":
            fault(
                "models.{name}.backbone: {backbone} gives the joints of a person, which only the "
                "recipe pose takes",
                name=name,
                backbone=model.backbone,
            )
        if (prompts := getattr(model, "prompts", None)) is not None:
            known(f"models.{name}.prompts", [prompts], config.prompts)
            _every_class_has_a_prompt(config, name, prompts)

    def work(self, plan: Any, trained_on: float, predicted: float, gmacs: float) -> float:
        """Estimate the work of all runs of a plan, for the maximum number of epochs, in the unit of
        data/run_costs.csv.

        Args:
            plan: plan of the runs.
            trained_on, predicted: number of photos, summed over runs.
            gmacs: multiply-adds of a forward pass of the backbone, billions.
        """
        raise NotImplementedError

    def weights_mb(self, tower_mb: float) -> float:
        """The size of a run's weights, MB.

        Args:
            tower_mb: size of the backbone's image tower, MB.
        """
        return 1

    def describe(self, model: Any) -> str:
        """One sentence: what is pretrained, and what is trained on the study's photos."""
        raise NotImplementedError

    def card(self, plan: Any, backbone: str) -> tuple[str, list[str]]:
        """Description of the training in a sentence, and the arXiv ids of its sources.

        Args:
            plan: plan of the runs.
            backbone: display name of the backbone.
        """
        raise NotImplementedError


def _every_class_has_a_prompt(config: StudyConfig, model: str, prompts: str) -> None:
    texts = config.texts(prompts)
    for name, task in config.tasks.items():
        missing = [label for label in task.classes if label not in texts]
        if model in task.models and missing:
            block = config.prompts[prompts]
            fault(
                "prompts.{prompts}: the class {label} has no prompt, but the model {model} "
                "on the task {task} needs one; add a line",
                prompts=getattr(block, "of", prompts),
                label=missing[0],
                model=model,
                task=name,
            )
