# Input: training data of the models under `sweep` in the config. Output: results/sweep/, one folder per
# model and combination of its settings, and a sensitivity analysis. Run `snakemake -- sweep`.

SWEPT = "results/sweep/{model}/{point}/{task}/{model}/{split}/seed_{seed}"


rule sweep_point:
    """Train a model of the sweep with one combination of settings; weights are not kept."""
    input:
        unpack(trained_on),
        split=lambda wildcards: (
            f"results/splits/{MAIN}/{'holdout' if wildcards.split == 'holdout' else 'kfold'}.csv"
        ),
    output:
        predictions=f"{SWEPT}/predictions.csv",
        history=f"{SWEPT}/history.csv",
        meta=[f"{SWEPT}/meta.json"],
    log:
        "results/logs/sweep/{point}/{task}/{model}/{split}/{seed}.log",
    benchmark:
        "results/benchmarks/sweep/{point}/{task}/{model}/{split}/{seed}.tsv"
    wildcard_constraints:
        point="|".join(re.escape(point) for points in POINTS.values() for point in points) or "-",
        task=MAIN,
        model="|".join(POINTS) or "-",
    conda:
        "../../envs/backbones.yaml"
    threads: lambda wildcards: cfg.resources_of(cfg.models[wildcards.model].recipe).threads
    resources:
        gpu=gpu,
        mem_mb=lambda wildcards, attempt: (
            attempt * cfg.resources_of(cfg.models[wildcards.model].recipe).mem_mb
        ),
        runtime=lambda wildcards, attempt: (
            attempt * cfg.resources_of(cfg.models[wildcards.model].recipe).minutes
        ),
    params:
        plan=lambda wildcards: sweep.plan(
            cfg.plan(wildcards.task, wildcards.model),
            cfg.sweep,
            POINTS[wildcards.model][wildcards.point],
        ).model_dump(),
        code=lambda wildcards: digest_of(
            "training/train.py", *modules_of(cfg.plan(wildcards.task, wildcards.model))
        ),
    message:
        "Training {wildcards.model} on {wildcards.split}: {wildcards.point}"
    script:
        "../scripts/training/train.py"


rule sweep_model:
    """Sensitivity of a model to its settings: scores of all combinations and their distribution."""
    input:
        histories=swept,
        split=f"results/splits/{MAIN}/holdout.csv",
    output:
        points=report(
            "results/sweep/{model}/points.csv",
            caption="../report/captions/sweep.rst",
            category="Settings",
        ),
        summary=report(
            "results/sweep/{model}/summary.csv",
            caption="../report/captions/sweep.rst",
            category="Settings",
        ),
        svg=report(
            "results/figures/sweep_{model}.svg",
            caption="../report/captions/sweep.rst",
            category="Settings",
        ),
        png="results/figures/sweep_{model}.png",
    log:
        "results/logs/sweep/{model}.log",
    benchmark:
        "results/benchmarks/sweep/{model}.tsv"
    wildcard_constraints:
        model="|".join(POINTS) or "-",
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        points=lambda wildcards: list(POINTS[wildcards.model].values()),
        own=lambda wildcards: sweep.own(cfg.plan(MAIN, wildcards.model), cfg.sweep),
        patience=lambda wildcards: cfg.plan(MAIN, wildcards.model).training.patience,
        code=digest_of("evaluation/sweep.py"),
    message:
        "Evaluating the sensitivity of {wildcards.model} to its settings"
    script:
        "../scripts/evaluation/sweep.py"


rule alpha_curve:
    """Validation scores between zero-shot and fine-tuned weights (WiSE-FT)."""
    input:
        histories=lambda wildcards: [
            f"results/runs/{MAIN}/{wildcards.model}/holdout/seed_{seed}/history.csv"
            for seed in cfg.seeds_of(wildcards.model)
        ],
        metas=lambda wildcards: [
            f"results/runs/{MAIN}/{wildcards.model}/holdout/seed_{seed}/meta.json"
            for seed in cfg.seeds_of(wildcards.model)
        ],
        split=f"results/splits/{MAIN}/holdout.csv",
    output:
        png="results/figures/wise_ft_{model}.png",
        svg=report(
            "results/figures/wise_ft_{model}.svg",
            caption="../report/captions/alpha.rst",
            category="Settings",
        ),
    log:
        "results/logs/figures/wise_ft_{model}.log",
    benchmark:
        "results/benchmarks/figures/wise_ft_{model}.tsv"
    wildcard_constraints:
        model="|".join(WISE_FT) or "-",
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=digest_of("figures/alpha_curve.py"),
    message:
        "Drawing {wildcards.model} between its zero-shot and its fine-tuned weights"
    script:
        "../scripts/figures/alpha_curve.py"
