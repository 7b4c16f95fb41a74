# What every stage needs: the typed config, and a digest of the code that a script depends on.

import os
import shutil
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

LIB = Path(workflow.basedir, "workflow", "lib")
sys.path.insert(0, str(LIB))
found = filter(None, [str(LIB), os.getenv("PYTHONPATH")])
os.environ |= {"PYTHONPATH": os.pathsep.join(found)}  # for the scripts

from stillact.config import study
from stillact.core import runs
from stillact.core.dependencies import source_digest
from stillact.core.errors import InputError
from stillact.inference import listing
from stillact.training import run_dirs

try:
    cfg = study.load(config, " + ".join(map(str, workflow.configfiles)))
except InputError as error:
    raise WorkflowError(str(error)) from None

MADE = ("results/stage/manifest.csv", "results/curate/manifest.csv")
if cfg.dataset.manifest not in MADE and not os.path.exists(cfg.dataset.manifest):
    raise WorkflowError(
        f"dataset.manifest: there is no file {cfg.dataset.manifest!r}. Mend the path, or name one "
        f"of those that the workflow makes: {', '.join(MADE)}"
    )

TASKS = [task for task in cfg.tasks if cfg.models_of(task)]


def code(script, *modules):
    """A digest of what the script does, the modules of the library that it imports, directly or
    not, and `modules`, which it imports by a name of its params, with theirs.

    Each rule passes it as a parameter: an edit that can change a result makes the outputs of its
    users stale, and one of a comment, a docstring, a type or a message makes nothing stale.
    """
    starts = [Path(workflow.basedir, "workflow", "scripts", script)]
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


def growing(amount):
    """Memory or minutes that a job asks a cluster for, and as much again at each further attempt."""
    return lambda wildcards, attempt: amount * attempt


def recipes(plan):
    """The modules that a plan's setup is in, which are imported by name."""
    named = [f"recipes/{one.recipe}.py" for one in (plan, getattr(plan, "of", None)) if one]
    return named + (["models/backbones.py"] if plan.recipe == "views" else [])  # for views not embedded


def trained_on(wildcards):
    """What the runs of a model read, besides their split and the runs that they are made of: photos
    packed for it, or embeddings."""
    return read_by(cfg.plan(wildcards.task, wildcards.model))


def read_by(plan):
    """What the setup of a plan reads."""
    if plan.recipe == "from_scratch":
        packed = f"results/data/pack/{plan.training.geometry}_{plan.training.size}"
        return dict(array=f"{packed}.npy", index=f"{packed}.csv")
    if plan.recipe in ("wise_ft", "seed_soup"):
        return read_by(plan.of)
    if plan.recipe == "views":
        packed = f"results/backbones/{plan.of.backbone}"
        photos = dict(photos=f"{packed}/photos.npy", photos_index=f"{packed}/photos.csv")
        made = {view: f"{packed}/views/{view}.npy" for view in plan.views}
        return (
            read_by(plan.of) | photos | {v: made[v] for v in ("letterbox", "person") if v in made}
        )
    backbone = f"results/backbones/{plan.backbone}"
    embeddings = f"results/embeddings/{plan.backbone}"
    files = dict(record=f"{backbone}/weights.json")
    match plan.recipe:
        case "fine_tune":
            files |= dict(array=f"{backbone}/photos.npy", index=f"{backbone}/photos.csv")
        case "prolip":
            files |= dict(
                features=f"{embeddings}/unprojected.npy",
                projection=f"{embeddings}/projection.npy",
                index=f"{embeddings}/images.csv",
            )
        case _:
            files |= dict(embeddings=f"{embeddings}/images.npy", index=f"{embeddings}/images.csv")
    if getattr(plan, "prompts", None) and getattr(plan, "head", "text") == "text":
        texts = f"{embeddings}/texts_{plan.prompts}"
        files |= dict(texts=f"{texts}.npy", texts_index=f"{texts}.csv")
    return files


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


def usable_params():
    """Of each model that may be used its plan, and the files that its setup reads."""
    plans = {model: cfg.plan(MAIN, model) for model in USABLE}
    return {
        model: dict(plan=plan.model_dump(), files=read_by(plan)) for model, plan in plans.items()
    }


def usable_inputs():
    """What loading any of them takes: the files of its setup and the weights of its runs."""
    files = [file for block in usable_params().values() for file in block["files"].values()]
    files += [
        f"results/runs/{MAIN}/{model}/holdout/seed_{seed}/weights.safetensors"
        for model in USABLE
        for seed in cfg.seeds_of(model)
    ]
    return list(dict.fromkeys(files))


def usable_code(script):
    """The code of a script that loads one of them."""
    modules = [module for model in USABLE for module in recipes(cfg.plan(MAIN, model))]
    return code(script, *dict.fromkeys(modules), "models/backbones.py")


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
