# Needs: photos packed for the model, or embeddings of a backbone; the split tables.
# Makes: results/runs/, a folder a run.
#
# Each run has its own outputs and can be asked for alone; the seeds of a batch, or the folds, are
# trained in one process, which loads torch, the backbone and the photos once. The weights of folds
# are kept only where a derived model is made of them.

# glibc gives large tensors back to the kernel at once, and each step asks for them anew: kept
# instead, an epoch of the CNN at 128 px takes 2.7 s in place of 3.6.
os.environ |= {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1)}

RUN = "results/runs/{{task}}/{{model}}/{split}/seed_{seed}"

# What the jobs of each recipe need; minutes are a run's, with much to spare. Folds that take a second
# share a job.
TUNING = dict(threads=cfg.recipes.fine_tune.threads, gpu=gpu, mem_mb=16000)
FROZEN = dict(threads=1, gpu=0, mem_mb=2000, minutes=10, folds_per_job=10)
RECIPES = {
    "from_scratch": dict(env="train", threads=1, gpu=gpu, mem_mb=3000, minutes=60),
    "fine_tune": dict(env="backbones", minutes=60, **TUNING),
    "mlp": dict(env="train", **FROZEN),
    "zero_shot": dict(env="train", **FROZEN),
    "linear_probe": dict(env="train", **FROZEN),
    "prolip": dict(env="train", **FROZEN),
    "wise_ft": dict(env="backbones", minutes=30, **TUNING),
    "seed_soup": dict(env="backbones", minutes=30, **TUNING),
    "views": dict(env="backbones", minutes=30, folds_per_job=10, **TUNING),
}


def made_of(folders):
    """An input function: the weights of the runs that those of a derived model are made of."""

    def weights(wildcards):
        model = cfg.models[wildcards.model]
        runs = [folder.format(task=wildcards.task, model=model.of) for folder in folders]
        if model.recipe == "seed_soup":
            runs = [f"{os.path.dirname(runs[0])}/seed_{seed}" for seed in cfg.seeds]
        return [f"{run}/weights.safetensors" for run in runs]

    return weights


for recipe, needs in RECIPES.items():
    derived = "of" in study.PLANS[recipe].model_fields
    seeds = cfg.seeds[:1] if recipe == "seed_soup" else cfg.seeds
    # A derived run has a job of its own, so that which runs it reads hangs on nothing else.
    seeds_per_job = 1 if derived else cfg.runs_per_job
    batches = [
        [RUN.format(split="holdout", seed=seed) for seed in batch]
        for batch in runs.batches(seeds, seeds_per_job)
    ] + [
        [RUN.format(split=split, seed=cfg.seeds[0]) for split in batch]
        for batch in runs.batches(
            cfg.cv_splits(recipe), needs.get("folds_per_job", cfg.runs_per_job)
        )
    ]
    if recipe == "fine_tune" and cfg.explain.shuffled_labels:
        batches.append([RUN.format(split=runs.SHUFFLED, seed=cfg.seeds[0])])
    for folders in batches:
        split, seed = folders[0].split("/")[-2:]
        folds = split.startswith("cv_")
        kept = not folds or cfg.keeps_folds(recipe)

        rule:
            name:
                f"{recipe}_{split}_{seed}"
            input:
                unpack(trained_on),
                split=f"results/splits/{{task}}/{'kfold' if folds else 'holdout'}.csv",
                weights=made_of(folders) if derived else [],
            output:
                predictions=[f"{folder}/predictions.csv" for folder in folders],
                history=[f"{folder}/history.csv" for folder in folders],
                meta=[f"{folder}/meta.json" for folder in folders],
                weights=[f"{folder}/weights.safetensors" for folder in folders] if kept else [],
            log:
                f"results/logs/train/{{task}}/{{model}}/{split}/{seed}.log",
            benchmark:
                f"results/benchmarks/train/{{task}}/{{model}}/{split}/{seed}.tsv"
            wildcard_constraints:
                model="|".join(cfg.models_by(recipe)) or "-",
            conda:
                f"../../envs/{needs['env']}.yaml"
            threads: needs["threads"]
            resources:
                gpu=needs["gpu"],
                mem_mb=growing(needs["mem_mb"]),
                runtime=growing(needs["minutes"] * len(folders)),
            params:
                lambda wildcards: cfg.plan(wildcards.task, wildcards.model).model_dump(),
                inner=folds and recipe in cfg.selection.inner,
                code=lambda wildcards: code(
                    "training/train.py", *recipes(cfg.plan(wildcards.task, wildcards.model))
                ),
            message:
                f"Training {{wildcards.model}} on {{wildcards.task}}: {len(folders)} from {split}, {seed}"
            script:
                "../scripts/training/train.py"
