"""What the workflow knows of a recipe: one class per way to train; imports no torch."""

from dataclasses import dataclass
from typing import Any, Protocol

from stillact.config.training import Plan
from stillact.config.types import Block, fault, known


@dataclass(frozen=True)
class Resources:
    """What a job of a recipe asks for, unless the config's `resources` says otherwise.

    threads: CPU threads, at most --cores.
    mem_mb: memory, MB; as much again at each further attempt.
    minutes: per run; as much again at each further attempt.
    folds_per_job: folds trained in one process; None: the config's runs_per_job.
    """

    threads: int
    mem_mb: int
    minutes: int
    folds_per_job: int | None = None


TUNING = Resources(threads=4, mem_mb=16000, minutes=60)
FROZEN = Resources(threads=1, mem_mb=2000, minutes=10, folds_per_job=10)


class StudyConfig(Protocol):
    """What a recipe reads of the whole config."""

    backbones: dict[str, Any]
    prompts: dict[str, Any]
    models: dict[str, Any]
    recipes: Any
    dataset: Any
    tasks: dict[str, Any]

    def texts(self, prompts: str) -> dict[str, list[str]]: ...


class Recipe:
    """A way to train models. A subclass per recipe says what differs; `registry.py` lists them.

    name: in the config, and of the package in which the recipe's modules are.
    summary: one line for `snakemake --list`; follows "Train ".
    Model: the block of a model in the config's `models`.
    Plan: what a run depends on.
    Settings: the block in the config's `recipes`; None: there is nothing to set.
    resources: of a job.
    gpu: whether training uses one.
    env: the conda environment, a file in envs/.
    frozen: whether models take the features of a frozen backbone.
    inner: whether models may be compared by an inner cross-validation (`selection.inner`).
    candidate: whether models may be selected and deployed.
    of_seeds: whether a model is made of all seeds of another, so that it has one run.
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
    inner: bool = False
    candidate: bool = True
    of_seeds: bool = False

    @property
    def derived(self) -> bool:
        """Whether a model is made of the trained runs of another one."""
        return "of" in self.Model.model_fields

    def plan(self, config: StudyConfig, model: Block, classes: list[str], of: Plan | None) -> Plan:
        """The plan of a model on a task.

        Args:
            config: the study's.
            model: its block.
            classes: of the task.
            of: the plan of the model that a derived one is made of.
        """
        block = model.model_dump()
        block |= {"classes": classes} if of is None else {"of": of.model_dump()}
        if self.Settings is not None:
            block["training"] = getattr(config.recipes, self.name)
        return self.Plan(**block, **self.more(config, model, classes))

    def more(self, config: StudyConfig, model: Any, classes: list[str]) -> dict[str, Any]:
        """Fields of the plan beside the model's own, its classes and settings."""
        return {}

    def bases(self, config: StudyConfig) -> list[str]:
        """The models that one of this recipe can be made of."""
        return []

    def check(self, config: StudyConfig, name: str, model: Any) -> None:
        """Check that what a model's block names exists and is of the kind that the recipe takes.

        Raises:
            pydantic_core.PydanticCustomError: names the key, the value and what is allowed.
        """
        if self.derived:
            known(f"models.{name}.of", [model.of], self.bases(config))
            return
        known(f"models.{name}.backbone", [model.backbone], config.backbones)
        if (prompts := getattr(model, "prompts", None)) is not None:
            known(f"models.{name}.prompts", [prompts], config.prompts)
            _every_class_has_a_prompt(config, name, prompts)

    def work(self, plan: Any, trained_on: float, predicted: float, gmacs: float) -> float:
        """What all runs of a plan do, in the unit of data/run_costs.csv; every epoch counts.

        Args:
            plan: of the runs.
            trained_on, predicted: photos, each as often as there are runs that have it.
            gmacs: multiply-adds of a forward pass of the backbone, billions.
        """
        raise NotImplementedError

    def weights_mb(self, tower_mb: float) -> float:
        """The size of a run's weights, MB.

        Args:
            tower_mb: of the backbone's image tower.
        """
        return 1

    def describe(self, model: Any) -> str:
        """One sentence: what a model brings with it, and what is trained on the study's photos."""
        raise NotImplementedError

    def card(self, plan: Any, backbone: str) -> tuple[str, list[str]]:
        """How a plan trains, in a sentence, and the arXiv ids of where that is from.

        Args:
            plan: of the runs.
            backbone: its name for people.
        """
        raise NotImplementedError


def _every_class_has_a_prompt(config: StudyConfig, model: str, prompts: str) -> None:
    texts = config.texts(prompts)
    for name, task in config.tasks.items():
        missing = [label for label in task.classes if label not in texts]
        if model in task.every_model and missing:
            block = config.prompts[prompts]
            fault(
                "prompts.{prompts}: the class {label} has no prompt, and the model {model} "
                "on the task {task} needs one; add a line",
                prompts=getattr(block, "of", prompts),
                label=missing[0],
                model=model,
                task=name,
            )
