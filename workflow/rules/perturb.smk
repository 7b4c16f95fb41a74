# Needs: the weights of the holdout's runs, the photos as each model sees them, their person boxes.
# Makes: results/cover/ and results/robustness/, predictions on occluded and corrupted photos.


rule occlude:
    """Predictions of a model on test photos with people or background covered."""
    input:
        unpack(files_of_asked(COVER_BY)),
        unpack(seen_by_asked(COVER_BY)),
        split=rules.split.output.holdout,
        people=rules.people.output[0],
        images=rules.fetch.output[0],
    output:
        "results/cover/{task}/{asked}.csv",
    log:
        "results/logs/cover/{task}/{asked}.log",
    benchmark:
        "results/benchmarks/cover/{task}/{asked}.tsv"
    wildcard_constraints:
        asked=ASKED,
    priority: LOADS_WEIGHTS
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
        plans=plans_of_asked(COVER_BY),
        code=digest_of_asked("perturb/occlude.py", COVER_BY),
    message:
        "Covering people and background for {wildcards.asked} on {wildcards.task}"
    script:
        "../scripts/perturb/occlude.py"


rule occlusion:
    """Accuracy with people covered, compared with an equal area of background covered."""
    input:
        asked=expand("results/cover/{task}/{asked}.csv", asked=COVER_BY, allow_missing=True),
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
        models=cfg.occluded,
        code=digest_of("perturb/occlusion.py"),
    message:
        "Evaluating the models of {wildcards.task} with people covered"
    script:
        "../scripts/perturb/occlusion.py"


rule corrupt:
    """Predictions of a model on the test photos, clean and with each corruption."""
    input:
        unpack(files_of_asked(CORRUPT_BY)),
        unpack(seen_by_asked(CORRUPT_BY)),
        split=rules.split.output.holdout,
        people=rules.people.output[0],
        images=rules.fetch.output[0],
    output:
        "results/robustness/{task}/asked/{asked}.csv",
    log:
        "results/logs/robustness/{task}/asked/{asked}.log",
    benchmark:
        "results/benchmarks/robustness/{task}/asked/{asked}.tsv"
    wildcard_constraints:
        asked=ASKED,
    priority: LOADS_WEIGHTS
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
        plans=plans_of_asked(CORRUPT_BY),
        corruptions=cfg.robustness.corruptions,
        severities=cfg.robustness.severities,
        code=digest_of_asked("perturb/corrupt.py", CORRUPT_BY),
    message:
        "Predicting corrupted photos of {wildcards.task} with {wildcards.asked}"
    script:
        "../scripts/perturb/corrupt.py"


rule corrupt_together:
    """Predictions of an ensemble on corrupted test photos, made of those of its members."""
    input:
        asked=lambda wildcards: [
            f"results/robustness/{wildcards.task}/asked/{asked}.csv"
            for asked in cfg.asked([wildcards.model])
        ],
        weights=weights_of_holdout,
    output:
        "results/robustness/{task}/asked/{model}.csv",
    log:
        "results/logs/robustness/{task}/asked/{model}.log",
    benchmark:
        "results/benchmarks/robustness/{task}/asked/{model}.tsv"
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
            "results/robustness/{task}/asked/{asked}.csv",
            asked=[*CORRUPT_BY, *together_of(cfg.robustness_models)],
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
        models=cfg.robustness_models,
        code=digest_of("perturb/robustness.py"),
    message:
        "Evaluating the robustness of the models of {wildcards.task}"
    script:
        "../scripts/perturb/robustness.py"
