# Needs: photos packed for the model, or embeddings of a backbone; the split tables.
# Makes: results/runs/, a folder a run.
#
# Each run has its own outputs and can be asked for alone; the seeds of a batch are trained in one
# process, which loads torch, the backbone and the photos once.

# glibc gives large tensors back to the kernel at once, and each step asks for them anew: kept
# instead, an epoch of the CNN at 128 px takes 2.7 s in place of 3.6.
os.environ |= {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1)}

RUN = "results/runs/{task}/{model}/{split}/seed_{seed}"

# What the jobs of each recipe need; minutes are a run's.
RECIPES = {
    "from_scratch": dict(env="train", threads=1, gpu=gpu(), mem_mb=3000, minutes=60),
    "fine_tune": dict(
        env="backbones", threads=cfg.recipes.fine_tune.threads, gpu=gpu(), mem_mb=16000, minutes=120
    ),
    "mlp": dict(env="train", threads=1, gpu=0, mem_mb=2000, minutes=10),
}

for recipe, needs in RECIPES.items():
    for batch in stillact.runs.batches(cfg.seeds, cfg.runs_per_job):

        rule:
            name:
                f"{recipe}_{batch[0]}"
            input:
                unpack(trained_on),
                code=code(f"{recipe}.py"),
                split="results/splits/{task}/{split}.csv",
            output:
                predictions=expand(f"{RUN}/predictions.csv", seed=batch, allow_missing=True),
                history=expand(f"{RUN}/history.csv", seed=batch, allow_missing=True),
                weights=expand(f"{RUN}/weights.safetensors", seed=batch, allow_missing=True),
                meta=expand(f"{RUN}/meta.json", seed=batch, allow_missing=True),
            log:
                f"results/logs/train/{{task}}/{{model}}/{{split}}/seed_{batch[0]}.log",
            benchmark:
                f"results/benchmarks/train/{{task}}/{{model}}/{{split}}/seed_{batch[0]}.tsv"
            wildcard_constraints:
                model="|".join(cfg.models_by(recipe)) or "-",
            conda:
                f"../../envs/{needs['env']}.yaml"
            threads: needs["threads"]
            resources:
                gpu=needs["gpu"],
                mem_mb=needs["mem_mb"],
                runtime=needs["minutes"] * len(batch),
            params:
                lambda wildcards: cfg.plan(wildcards.task, wildcards.model).model_dump(),
            message:
                f"Training {{wildcards.model}} on {{wildcards.task}}, {{wildcards.split}}, seeds {batch}"
            script:
                "../scripts/{params[0][recipe]}.py"
