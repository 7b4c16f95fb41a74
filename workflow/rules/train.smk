# Needs: the packed photos, the split tables. Makes: results/runs/, a folder a run.
#
# Each run has its own outputs and can be asked for alone; the seeds of a batch are trained in one
# process, which loads torch and the photos once.

# glibc gives large tensors back to the kernel at once, and each step asks for them anew: kept
# instead, an epoch of the CNN at 128 px takes 2.7 s in place of 3.6.
os.environ |= {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1)}

RUN = "results/runs/{task}/{model}/{split}/seed_{seed}"


for batch in stillact.runs.batches(cfg.seeds, cfg.runs_per_job):

    rule:
        name:
            f"train_{batch[0]}"
        input:
            code=code("train.py"),
            array=lambda wildcards: packed(wildcards, "npy"),
            index=lambda wildcards: packed(wildcards, "csv"),
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
        conda:
            "../../envs/train.yaml"
        threads: 1
        resources:
            gpu=gpu(),
            mem_mb=3000,
            runtime=60 * len(batch),
        params:
            lambda wildcards: cfg.plan(wildcards.task, wildcards.model).model_dump(),
        message:
            f"Training {{wildcards.model}} on {{wildcards.task}}, {{wildcards.split}}, seeds {batch}"
        script:
            "../scripts/train.py"
