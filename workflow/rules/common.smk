# Shared by all rules: the typed config, names of the study, helper functions, and digests of the code of
# scripts.

import functools
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError
from snakemake.utils import update_config


def checkout():
    """The folder of this workflow's own files: the clone that contains this file, or, if used as a
    module from a repository, the files of that revision, extracted from Snakemake's clone."""
    basedir = workflow.current_basedir
    if basedir.is_local:
        return Path(os.path.abspath(basedir)).parents[1]
    git = ["git", "--git-dir", str(basedir.hosted_repo.repo_clone)]
    commit = subprocess.check_output([*git, "rev-parse", f"{basedir.ref}^{{commit}}"], text=True)
    folder = Path(".snakemake", "stillact", commit.strip()).absolute()
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=folder.parent))
        packed = subprocess.check_output([*git, "archive", basedir.ref])
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(part, filter="data")
        part.rename(folder)
    return folder


STARTED = time.time()
ROOT = checkout()
LIB = ROOT / "workflow" / "lib"
sys.path.insert(0, str(LIB))
found = filter(None, [str(LIB), os.getenv("PYTHONPATH")])
os.environ |= {"PYTHONPATH": os.pathsep.join(found)}  # for the scripts

from stillact.config.training import packed_view
from stillact.core import runs, slurm
from stillact.core.dependencies import source_digest
from stillact.core.errors import InputError
from stillact.data.fetch import local_files
from stillact.data.labelled import source
from stillact.evaluation import sweep
from stillact.inference import listing, sorting
from stillact.recipes.registry import RECIPES
from stillact.study.config import AFTERWARDS
from stillact.study import labelled_photos, tables, yaml_files
from stillact.study.folder import Study
from stillact.study.load import load
from stillact.training import run_dirs

# A study's own config, which needs to contain only the differences from the shipped one.
if os.path.exists("config.yaml") and not os.path.samefile("config.yaml", ROOT / "config.yaml"):

    configfile: "config.yaml"


def cancel_left_jobs():
    """Cancel what a killed Snakemake left in SLURM's queue, since this start submits it again.
    Another Snakemake of this folder, on other targets, may be alive: then there are two locks, and
    nothing is cancelled."""
    alone = len(list(Path(".snakemake", "locks").glob("*.output.lock"))) == 1
    try:
        jobs = slurm.cancel_jobs(Path.cwd()) if workflow.non_local_exec and alone else []
    except InputError as error:
        raise WorkflowError(str(error)) from None
    if jobs:
        logger.warning(
            f"cancelled {len(jobs)} SLURM jobs of an earlier start, which was killed: "
            f"{', '.join(jobs)}; this start submits again what is left of them"
        )


def tell_ended_jobs():
    """Say which jobs SLURM ended and why, which its executor does not."""
    for sentence in slurm.ended(Path(".snakemake", "slurm_logs"), STARTED):
        logger.error(sentence)


if workflow.remote_exec and slurm.requested():
    logger.info(slurm.requested())


def own(path):
    """A file of this workflow itself, never in a storage; all other files belong to a study."""
    return local(os.path.relpath(ROOT / path))


def settings():
    """The shipped config.yaml, updated recursively with what follows from `labelled`, and with the
    study's config."""
    with open(ROOT / "config.yaml", encoding="utf-8") as file:
        merged = yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    shipped = merged["dataset"]["manifest"]
    if config.get("labelled"):
        update_config(merged, labelled_photos.settings(merged, config))
    update_config(merged, config)
    if merged["dataset"]["manifest"] == shipped and not os.path.exists(shipped):
        merged["dataset"]["manifest"] = os.path.relpath(ROOT / shipped)
    return merged


try:
    for file in [ROOT / "config.yaml", *workflow.configfiles]:
        yaml_files.check(Path(file))
    cfg = load(settings(), " + ".join(map(str, workflow.configfiles)) or "config.yaml")
    STUDY = Study.of(cfg, workflow.configfiles, ROOT)
    STUDY.check()
except InputError as error:
    raise WorkflowError(str(error)) from None

MADE = (
    "results/synthetic/manifest.csv",
    "results/curate/manifest.csv",
    "results/curate/others.csv",
)
if cfg.dataset.manifest not in MADE and not os.path.exists(cfg.dataset.manifest):
    raise WorkflowError(
        f"dataset.manifest: there is no file {cfg.dataset.manifest!r}. Check the path, or use one "
        f"of those that the workflow generates: {', '.join(MADE)}"
    )


def in_study(manifest):
    """For params: the content of a manifest, and the state of the photos that are files of this
    machine. Snakemake by itself notices only a newer time of a rule's inputs. A manifest that the
    workflow makes, and its photos, are outputs of its rules."""
    if manifest in MADE:
        return dict(manifest="", photos="")
    folders = [Path(folder) for folder in cfg.dataset.local_dirs]
    return dict(
        manifest=local_files.content_of(Path(manifest)),
        photos=local_files.state_of_photos(Path(manifest), folders),
    )


STUDIED = in_study(cfg.dataset.manifest)


# Names of the study that several rule files use, so that none of them depends on the place of
# another's include.

TASKS = [task for task in cfg.tasks if cfg.models_of(task)]
MAIN = cfg.main_task
JUDGED = [task for task in cfg.tasks if cfg.tasks[task].models]
ANSWERS = [MAIN] if MAIN in JUDGED else []
COVERED = [MAIN] if cfg.occluded else []
ROBUST = [MAIN] if cfg.robustness_models else []

# Wildcard constraints: ensembles, models of their own weights, and the names of `Config.asked`.
OF_SEVERAL = "|".join(cfg.models_by("ensemble")) or "-"
OF_ONE_MODEL = "|".join(m for m in cfg.every_model() if not cfg.members_of(m)) or "-"

# The models that predict occluded and corrupted photos, by the job that asks them.
COVER_BY = cfg.asked(cfg.occluded)
CORRUPT_BY = cfg.asked(cfg.robustness_models)
ASKED = f"{OF_ONE_MODEL}|frozen/[a-z0-9_/-]+"

# Priority of the jobs that load weights of networks. With `keep_weights: none` they run before
# further trainings, so that the weights are deleted soon; those of ensembles are some kB.
LOADS_WEIGHTS = int(cfg.keep_weights == "none")

# Models of the main task: those trained in epochs, the ensembles that take the mean, test-time
# augmentation and WiSE-FT.
LEARNING = [
    model
    for model in cfg.tasks[MAIN].models
    if hasattr(getattr(cfg.recipes, cfg.models[model].recipe, None), "max_epochs")
]
MEANS = [m for m in cfg.tasks[MAIN].models if getattr(cfg.models[m], "combine", "") == "mean"]
VIEWS = [m for m in cfg.tasks[MAIN].models if m in cfg.models_by("tta")]
WISE_FT = [m for m in cfg.tasks[MAIN].models if m in cfg.models_by("wise_ft")]

DEPLOYABLE = [cfg.deploy] if cfg.deploy else cfg.candidates

# The linear probes whose learning curve can be drawn; their folds choose the penalties.
PROBES = {
    model: dict(
        embeddings=f"results/embeddings/{cfg.models[model].backbone}/images",
        metas={
            fold: f"{runs.Run(MAIN, model, runs.fold_split(0, fold), cfg.seeds[0]).folder}/meta.json"
            for fold in range(cfg.splits.kfold.folds)
        },
    )
    for model in cfg.candidates
    if cfg.models[model].recipe == "linear_probe"
    and "embeddings" in cfg.plan(MAIN, model).reads()  # of the whole photo alone
}

# The combinations of each swept model, by their names in paths.
POINTS = {
    model: {
        sweep.folder_of(point): point
        for point in sweep.combinations(cfg.sweep, cfg.models[model].recipe).to_dict("records")
    }
    for model in cfg.sweep.models
}

# The backbones used by the study's models; the config may define more.
STARTED_FROM = dict.fromkeys(
    filter(None, (cfg.backbone_of(model) for task in cfg.tasks for model in cfg.models_of(task)))
)

# The limits of photos only: the other fetch settings do not affect what is seen in them.
LIMITS = cfg.fetch.model_dump(include={"max_bytes", "max_pixels"})

# Tables of models, those of them that are also drawn, confusion matrices with the task of each, the
# tables of statistics, and the saliency maps of a model.
TABLES = tables.of_models(cfg)
PLOTTED = [table for table in ("all_models", "table_3", "table_7") if table in TABLES]
CONFUSIONS = {f"confusion_{MAIN}": MAIN}
if cfg.paper:
    CONFUSIONS["figure_3"] = cfg.paper.table_5.task
CONFUSIONS = {name: task for name, task in CONFUSIONS.items() if task in JUDGED}
STATISTICS = ["pooled", "pairs", "smallest_differences", "calibration", "reliability"]
LOOKED = "results/explain/{task}/maps/{model}"


@functools.cache  # each job of a rule asks for it
def digest_of(script, *modules):
    """A digest of the code of a script, of the library modules that it imports, directly or
    indirectly, and of `modules`, which it imports dynamically, with their imports.

    It is a parameter of every job: an edit that can change results makes dependent outputs stale;
    an edit of a comment, a docstring, a type or a message does not.
    """
    starts = [ROOT / "workflow" / "scripts" / script]
    return source_digest([*starts, *(LIB / "stillact" / module for module in modules)], LIB)


def gpu(wildcards=None):
    """1 if jobs may use a GPU: not with `device: cpu` or `--resources gpu=0`, and with
    `device: auto` only on a machine with an NVIDIA driver or if jobs are submitted to a cluster,
    whose nodes may differ from the submitting machine. Both are known only after the rules are
    parsed: hence a function for `resources`."""
    none = workflow.resource_settings.resources.get("gpu") == 0
    if none and workflow.non_local_exec:
        raise WorkflowError(
            "--resources gpu=0 does not reach the jobs of a cluster. Use --config device=cpu"
        )
    if none or cfg.device == "cpu":
        return 0
    cluster = workflow.non_local_exec or workflow.remote_exec
    return int(cfg.device == "cuda" or cluster or shutil.which("nvidia-smi") is not None)


def scaled_by_attempt(amount):
    """Memory or minutes requested by a job, multiplied by the number of the attempt."""
    return lambda wildcards, attempt: amount * attempt


def modules_of(plan):
    """The modules of a plan's recipe, which scripts import dynamically."""
    plans = [plan, getattr(plan, "of", None), *getattr(plan, "members", {}).values()]
    modules = [f"recipes/{one.recipe}/setup.py" for one in plans[:2] if one]
    return [*modules, *(module for member in plans[2:] for module in modules_of(member))]


def trained_on(wildcards):
    """Training inputs of a model besides the split and the runs that it is derived from: packed
    photos or embeddings."""
    return cfg.plan(wildcards.task, wildcards.model).reads()


def seen_by(wildcards):
    """The photos packed for a model, which models on embeddings do not read in training."""
    return packed_photos(wildcards.task, wildcards.model)


def packed_photos(task, model):
    """Inputs: the photos packed for a model, one file per view, and their rows."""
    files, index = cfg.plan(task, model).photos()
    return dict(photos=files, photos_index=index)


def files_of_asked(groups):
    """Input function: what `Asked.of` takes of the models of a job."""

    def files(wildcards):
        found = {}
        for model in groups[wildcards.asked]:
            own = cfg.plan(MAIN, model).reads() | {"weights": holdout_weights(MAIN, model)}
            found |= {f"{model}__{name}": file for name, file in own.items()}
        return found

    return files


def seen_by_asked(groups):
    """Input function: the photos packed for the models of a job, which take the same ones."""
    return lambda wildcards: packed_photos(MAIN, groups[wildcards.asked][0])


def plans_of_asked(groups):
    """Param: the plans of the models of a job."""
    return lambda wildcards: {
        model: cfg.plan(MAIN, model).model_dump() for model in groups[wildcards.asked]
    }


def digest_of_asked(script, groups):
    """Param: the digest of a script that asks the models of a job."""

    def digest(wildcards):
        plans = [cfg.plan(MAIN, model) for model in groups[wildcards.asked]]
        return digest_of(
            script, *dict.fromkeys(name for plan in plans for name in modules_of(plan))
        )

    return digest


def together_of(models):
    """The ensembles among models."""
    return [model for model in models if cfg.members_of(model)]


def local_files_of(block):
    """The weights of a backbone or detector if they are a local path that exists or is made by a
    rule."""
    made = block.weights.startswith("results/")
    there = block.local and (made or os.path.exists(block.weights))
    return local(block.weights) if there else []


def local_weights(wildcards):
    """The backbone's weights if they are a local path; see `local_files_of`."""
    return local_files_of(cfg.backbones[wildcards.backbone])


def state_of_weights(wildcards):
    """Param: size and time of weights that are files of the user; "" for others."""
    path = cfg.backbones[wildcards.backbone].weights
    mine = local_weights(wildcards) and not path.startswith("results/")
    return local_files.state_of_files(Path(path)) if mine else ""


def of_table_5():
    """The models of Figure 3: those of the paper's Table 5 that the study has."""
    table = cfg.paper.table_5
    return [model for model in cfg.tasks[table.task].models if model in table.models]


def metas_of(models):
    """The records of the holdout runs of each model of the main task."""
    return {
        model: [
            f"results/runs/{MAIN}/{model}/holdout/seed_{s}/meta.json" for s in cfg.seeds_of(model)
        ]
        for model in models
    }


def towers_of(models):
    """The frozen backbones that each model needs besides its own weights."""

    def towers(plan):
        if RECIPES[plan.recipe].combines:
            return list(dict.fromkeys(sum(map(towers, plan.members.values()), [])))
        frozen = RECIPES[getattr(plan, "of", plan).recipe].frozen
        return [plan.reads()["record"]] if frozen else []

    return {model: towers(cfg.plan(MAIN, model)) for model in models}


def deployable_params():
    """The plan of each model that may be deployed, and the files that its setup reads."""

    def block(plan):
        members = getattr(plan, "members", {})
        return dict(
            plan=plan.model_dump(),
            files=plan.reads(),
            members={name: block(member) for name, member in members.items()},
        )

    return {model: block(cfg.plan(MAIN, model)) for model in DEPLOYABLE}


def refit_params(model):
    """What a model is refitted from: `inference.refit.Source`."""
    plan, block = cfg.plan(MAIN, model), cfg.models[model]
    folds = [runs.Run(MAIN, model, split, cfg.seeds[0]) for split in cfg.cv_splits(block.recipe)]
    others = [runs.Run(MAIN, model, "holdout", seed) for seed in cfg.seeds_of(model)]
    recipe, members = RECIPES[block.recipe], cfg.members_of(model)
    folder = runs.Run(MAIN, model, runs.fold_split(0, 0), cfg.seeds[0]).folder
    stacked = getattr(block, "combine", "") == "stack"
    return dict(
        plan=plan.model_dump(),
        files=plan.reads(),
        metas=[f"{run.folder}/meta.json" for run in folds or others],
        seeds=cfg.seeds if recipe.of_seeds else cfg.seeds[:1],
        base=refit_params(block.of) if recipe.derived else None,
        members={name: refit_params(name) for name in members},
        folds={name: folds_of_member(folder, name) for name in members} if stacked else None,
    )


def deployable_inputs(metas=False):
    """The files for training or loading any of these models, and the records of their runs."""
    files, blocks = [], [refit_params(model) for model in DEPLOYABLE]
    while blocks:
        block = blocks.pop(0)
        files += [*block["files"].values(), *(block["metas"] if metas else [])]
        blocks += [block["base"]] if block["base"] else []
        blocks += block["members"].values()
        files += [file for found in (block["folds"] or {}).values() for file in found]
    return list(dict.fromkeys(files))


def deployable_digest(script):
    """The digest of a script that loads one of these models."""
    modules = [module for model in DEPLOYABLE for module in modules_of(cfg.plan(MAIN, model))]
    return digest_of(script, *dict.fromkeys(modules))


def swept(wildcards):
    """The histories of all combinations of a model, in their order: of each one on the holdout
    split or, of networks from scratch, one per fold."""
    splits = ["holdout"]
    if cfg.models[wildcards.model].recipe == "from_scratch":
        splits = [runs.fold_split(0, fold) for fold in range(cfg.splits.kfold.folds)]
    made = [runs.Run(MAIN, wildcards.model, split, cfg.seeds[0]) for split in splits]
    return [
        f"results/sweep/{wildcards.model}/{point}/{run}/history.csv"
        for point in POINTS[wildcards.model]
        for run in made
    ]


def analyses_of_sweep(wildcards):
    """The figures of all swept models."""
    if not POINTS:
        raise WorkflowError(
            "sweep.models: [], so there is no model to sweep; name fine-tuned models or networks "
            f"from scratch of {MAIN}"
        )
    return [f"results/figures/sweep_{model}.svg" for model in POINTS]


def photos_listed(wildcards):
    """The input CSV. The contents of a folder are a parameter instead, because Snakemake tracks
    only the folder itself. Errors are raised there too, because Snakemake ignores failing input
    functions of existing outputs."""
    return local(cfg.photos) if os.path.isfile(cfg.photos or "") else []


def photos_asked(wildcards):
    """Param: what find_photos lists and how, checked before any job runs."""
    if cfg.photos is None:
        raise WorkflowError(
            "photos: not set. Run snakemake --cores 2 predict --config photos=FOLDER, "
            "or photos=FILE.csv with a column url"
        )
    source = Path(cfg.photos)
    try:
        if source.is_dir():
            return dict(photos=cfg.photos, seen=listing.fingerprint(source))
        listing.urls(source)
    except InputError as error:
        raise WorkflowError(str(error)) from None
    return dict(photos=cfg.photos, fetch=cfg.fetch.model_dump(), dataset=cfg.dataset.model_dump())


def folder_sorted_into(wildcards):
    """Param: the folder of sort_photos, checked before any job runs."""
    target = Path(cfg.sort_into)
    try:
        sorting.check(target, Path(cfg.photos))
    except InputError as error:
        raise WorkflowError(str(error)) from None
    return cfg.sort_into


def corrections_given(wildcards):
    """The file of corrections, which Snakemake by itself would report as missing by its name."""
    if cfg.corrections is None or not os.path.isfile(cfg.corrections):
        raise WorkflowError(
            f"corrections: {'not set' if cfg.corrections is None else f'there is no file {cfg.corrections}'}. "
            "Save corrections.csv on results/review.html, and set its path: "
            "--config corrections=~/Downloads/corrections.csv"
        )
    return local(cfg.corrections)


def is_of_user(manifest):
    """Whether a manifest is neither made by the workflow nor shipped with it."""
    return manifest not in MADE and not Path(manifest).resolve().is_relative_to(ROOT / "data")
