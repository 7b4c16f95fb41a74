# Needs: the weights of the holdout's runs, the photos as each model sees them, their person boxes.
# Makes: results/cover/ and results/robustness/, predictions on occluded and corrupted photos.


rule occlude:
    """Predictions of a model on test photos with people or background covered."""
    input:
        unpack(trained_on),
        unpack(seen_by),
        split=rules.split.output.holdout,
        people=rules.people.output[0],
        images=rules.fetch.output[0],
        weights=weights_of_holdout,
    output:
        "results/cover/{task}/{model}.csv",
    log:
        "results/logs/cover/{task}/{model}.log",
    benchmark:
        "results/benchmarks/cover/{task}/{model}.tsv"
    group:
        "explain"
    conda:
        "../../envs/backbones.yaml"
    threads: 2
    resources:
        gpu=gpu,
        mem_mb=scaled_by_attempt(8000),
        runtime=scaled_by_attempt(120),
    params:
        plan=lambda wildcards: cfg.plan(wildcards.task, wildcards.model).model_dump(),
        code=lambda wildcards: digest_of(
            "perturb/occlude.py",
            *modules_of(cfg.plan(wildcards.task, wildcards.model)),
        ),
    message:
        "Covering people and background for {wildcards.model} on {wildcards.task}"
    script:
        "../scripts/perturb/occlude.py"


rule occlusion:
    """Accuracy with people covered, compared with an equal area of background covered."""
    input:
        asked=expand("results/cover/{task}/{model}.csv", model=cfg.occluded, allow_missing=True),
    output:
        csv=report(
            "results/explain/{task}/covered.csv",
            caption="../report/captions/covered.rst",
            category="Saliency",
        ),
        svg=report(
            "results/figures/covered_{task}.svg",
            caption="../report/captions/covered.rst",
            category="Saliency",
        ),
        png="results/figures/covered_{task}.png",
    log:
        "results/logs/explain/{task}/covered.log",
    benchmark:
        "results/benchmarks/explain/{task}/covered.tsv"
    group:
        "statistics"
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=scaled_by_attempt(2000),
        runtime=scaled_by_attempt(20),
    params:
        code=digest_of("perturb/occlusion.py"),
    message:
        "Evaluating the models of {wildcards.task} with people covered"
    script:
        "../scripts/perturb/occlusion.py"


rule corrupt:
    """Predictions of a model on the test photos, clean and with each corruption."""
    input:
        unpack(trained_on),
        unpack(seen_by),
        split=rules.split.output.holdout,
        people=rules.people.output[0],
        images=rules.fetch.output[0],
        weights=weights_of_holdout,
    output:
        "results/robustness/{task}/asked/{model}.csv",
    log:
        "results/logs/robustness/{task}/{model}.log",
    benchmark:
        "results/benchmarks/robustness/{task}/{model}.tsv"
    wildcard_constraints:
        model=OF_ONE_MODEL,
    group:
        "explain"
    conda:
        "../../envs/backbones.yaml"
    threads: 2
    resources:
        gpu=gpu,
        mem_mb=scaled_by_attempt(8000),
        runtime=scaled_by_attempt(240),
    params:
        plan=lambda wildcards: cfg.plan(wildcards.task, wildcards.model).model_dump(),
        corruptions=cfg.robustness.corruptions,
        severities=cfg.robustness.severities,
        code=lambda wildcards: digest_of(
            "perturb/corrupt.py",
            *modules_of(cfg.plan(wildcards.task, wildcards.model)),
        ),
    message:
        "Predicting corrupted photos of {wildcards.task} with {wildcards.model}"
    script:
        "../scripts/perturb/corrupt.py"


rule corrupt_together:
    """Predictions of an ensemble on corrupted test photos, made of those of its members."""
    input:
        members=lambda wildcards: [
            f"results/robustness/{wildcards.task}/asked/{member}.csv"
            for member in cfg.members_of(wildcards.model)
        ],
        weights=weights_of_holdout,
    output:
        "results/robustness/{task}/asked/{model}.csv",
    log:
        "results/logs/robustness/{task}/{model}.log",
    benchmark:
        "results/benchmarks/robustness/{task}/{model}.tsv"
    wildcard_constraints:
        model=OF_SEVERAL,
    localrule: True
    conda:
        "../../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        plan=lambda wildcards: cfg.plan(wildcards.task, wildcards.model).model_dump(),
        code=digest_of("evaluation/combine.py"),
    message:
        "Combining the predictions of corrupted photos by the members of {wildcards.model}"
    script:
        "../scripts/evaluation/combine.py"


rule robustness:
    """Robustness: drop in accuracy of each model under corruption."""
    input:
        asked=expand(
            "results/robustness/{task}/asked/{model}.csv",
            model=cfg.robustness_models,
            allow_missing=True,
        ),
    output:
        csv=report(
            "results/robustness/{task}/corrupted.csv",
            caption="../report/captions/robustness.rst",
            category="Robustness",
        ),
        svg=report(
            "results/figures/robustness_{task}.svg",
            caption="../report/captions/robustness.rst",
            category="Robustness",
        ),
        png="results/figures/robustness_{task}.png",
    log:
        "results/logs/robustness/{task}.log",
    benchmark:
        "results/benchmarks/robustness/{task}.tsv"
    group:
        "statistics"
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=scaled_by_attempt(2000),
        runtime=scaled_by_attempt(20),
    params:
        code=digest_of("perturb/robustness.py"),
    message:
        "Evaluating the robustness of the models of {wildcards.task}"
    script:
        "../scripts/perturb/robustness.py"
