# What every stage needs: the typed config, and a digest of the code that a script depends on.

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError
from snakemake.utils import update_config


def checkout():
    """The folder of this workflow's own files: of the clone that holds this file, or, where it is
    used as a module from a repository, of that revision's files, taken from Snakemake's clone."""
    basedir = workflow.current_basedir
    if basedir.is_local:
        return Path(os.path.abspath(basedir)).parents[1]
    folder = Path(".snakemake", "stillact", basedir.ref).absolute()
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=folder.parent))
        git = ["git", "--git-dir", str(basedir.hosted_repo.repo_clone)]
        packed = subprocess.run([*git, "archive", basedir.ref], check=True, stdout=subprocess.PIPE)
        with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
            archive.extractall(part, filter="data")
        part.rename(folder)
    return folder


ROOT = checkout()
LIB = ROOT / "workflow" / "lib"
sys.path.insert(0, str(LIB))
found = filter(None, [str(LIB), os.getenv("PYTHONPATH")])
os.environ |= {"PYTHONPATH": os.pathsep.join(found)}  # for the scripts

from stillact.core import runs
from stillact.core.dependencies import source_digest
from stillact.core.errors import InputError
from stillact.inference import listing
from stillact.recipes.registry import RECIPES
from stillact.study.config import AFTERWARDS
from stillact.study.load import load
from stillact.training import run_dirs


def own(path):
    """A file of this workflow itself, which no storage holds; all others are a study's."""
    return local(os.path.relpath(ROOT / path))


def settings():
    """The shipped config.yaml with the study's config on it, key by key."""
    merged = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    shipped = merged["dataset"]["manifest"]
    update_config(merged, config)
    if merged["dataset"]["manifest"] == shipped and not os.path.exists(shipped):
        merged["dataset"]["manifest"] = os.path.relpath(ROOT / shipped)
    return merged


try:
    cfg = load(settings(), " + ".join(map(str, workflow.configfiles)) or "config.yaml")
except InputError as error:
    raise WorkflowError(str(error)) from None

MADE = ("results/synthetic/manifest.csv", "results/curate/manifest.csv")
if cfg.dataset.manifest not in MADE and not os.path.exists(cfg.dataset.manifest):
    raise WorkflowError(
        f"dataset.manifest: there is no file {cfg.dataset.manifest!r}. Check the path, or name one "
        f"of those that the workflow makes: {', '.join(MADE)}"
    )

TASKS = [task for task in cfg.tasks if cfg.models_of(task)]


def digest_of(script, *modules):
    """A digest of what the script does, the modules of the library that it imports, directly or
    not, and `modules`, which it imports by a name of its params, with theirs.

    It is a parameter of every job: an edit that can change a result makes the outputs of its users
    stale, and one of a comment, a docstring, a type or a message makes nothing stale.
    """
    starts = [ROOT / "workflow" / "scripts" / script]
    return source_digest([*starts, *(LIB / "stillact" / module for module in modules)], LIB)


def gpu(wildcards=None):
    """1 where training may use a GPU: not with `device: cpu` or `--resources gpu=0`, and under
    `device: auto` only on a machine with an NVIDIA driver, or where jobs go to a cluster: what the
    machine that sends them has says nothing of those that run them. Which of the two holds is
    known once jobs are asked for, not while the rules are read: hence a function of resources."""
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
    """Memory or minutes that a job asks a cluster for, and as much again at each further attempt."""
    return lambda wildcards, attempt: amount * attempt


def modules_of(plan):
    """The modules of a plan's recipe, which a script imports by the recipe's name."""
    return [f"recipes/{one.recipe}/setup.py" for one in (plan, getattr(plan, "of", None)) if one]


def trained_on(wildcards):
    """What the runs of a model read, besides their split and the runs that they are made of: photos
    packed for it, or embeddings."""
    return cfg.plan(wildcards.task, wildcards.model).reads()


def seen_by(wildcards):
    """The photos packed for a model, which a model on embeddings does not read to train."""
    files = trained_on(wildcards)
    if "array" in files:
        return dict(photos=files["array"], photos_index=files["index"])
    packed = os.path.dirname(files["record"])
    return dict(photos=f"{packed}/photos.npy", photos_index=f"{packed}/photos.csv")


def local_weights(wildcards):
    """The backbone's weights where they are a local path that exists or that a rule makes."""
    block = cfg.backbones[wildcards.backbone]
    local = block.repository is None and (
        os.path.exists(block.weights) or block.weights.startswith("results/")
    )
    return block.weights if local else []


def deployable_params():
    """Of each model that may be used its plan, and the files that its setup reads."""
    plans = {model: cfg.plan(MAIN, model) for model in DEPLOYABLE}
    return {
        model: dict(plan=plan.model_dump(), files=plan.reads()) for model, plan in plans.items()
    }


def deployable_inputs():
    """What loading any of them takes: the files of its setup and the weights of its runs."""
    files = [file for block in deployable_params().values() for file in block["files"].values()]
    files += [
        f"results/runs/{MAIN}/{model}/holdout/seed_{seed}/weights.safetensors"
        for model in DEPLOYABLE
        for seed in cfg.seeds_of(model)
    ]
    return list(dict.fromkeys(files))


def deployable_digest(script):
    """The code of a script that loads one of them."""
    modules = [module for model in DEPLOYABLE for module in modules_of(cfg.plan(MAIN, model))]
    return digest_of(script, *dict.fromkeys(modules))


def swept(wildcards):
    """The histories of all combinations, in the order of the space."""
    if cfg.sweep.model is None:
        raise WorkflowError(
            "sweep.model: null, so that there is nothing to sweep; name a fine-tuned model of "
            f"{MAIN}"
        )
    run = runs.Run(MAIN, cfg.sweep.model, "holdout", cfg.seeds[0])
    return [f"results/sweep/{point}/{run}/history.csv" for point in SPACE.instance_patterns]


def photos_listed(wildcards):
    """A CSV is an input as any other. Of a folder Snakemake sees only itself, so that what is in it
    is a parameter. What is wrong is told there too: an input function that fails is passed over
    where its output is there from before."""
    return cfg.photos if os.path.isfile(cfg.photos or "") else []


def photos_asked(wildcards):
    """What find_photos depends on, looked at before any job runs."""
    if cfg.photos is None:
        raise WorkflowError(
            "photos: none are named. snakemake --cores 2 predict --config photos=FOLDER, "
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
