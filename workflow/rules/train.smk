# Needs: the packed photos, the split tables. Makes: results/runs/, a folder a run.
#
# Each run has its own outputs and can be asked for alone; the seeds of a batch are trained in one
# process, which loads torch and the photos once.

RUN = "results/runs/{task}/{model}/{split}/seed_{seed}"


def packed(kind):
    def path(wildcards):
        training = cfg.plan(wildcards.task, wildcards.model).training
        return f"results/data/pack/{training.geometry}_{training.size}.{kind}"

    return path


for batch in stillact.runs.batches(cfg.seeds, cfg.runs_per_job):

    rule:
        name:
            f"train_{batch[0]}"
        input:
            code=code("train.py"),
            array=packed("npy"),
            index=packed("csv"),
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
