# Needs: the weights of the holdout's runs, the photos as each model sees them, their person boxes.
# Makes: results/robustness/, what models say of the test photos made worse, and its figure.


rule corrupt:
    """Ask a model's runs about the test photos, clean and with each corruption."""
    input:
        unpack(trained_on),
        unpack(seen_by),
        split=rules.split.output.holdout,
        manifest=rules.manifest.output[0],
        images=rules.fetch.output[0],
        weights=lambda wildcards: [
            f"results/runs/{wildcards.task}/{wildcards.model}/holdout/seed_{seed}/weights.safetensors"
            for seed in cfg.seeds_of(wildcards.model)
        ],
    output:
        "results/robustness/{task}/asked/{model}.csv",
    log:
        "results/logs/robustness/{task}/{model}.log",
    benchmark:
        "results/benchmarks/robustness/{task}/{model}.tsv"
    conda:
        "../../envs/backbones.yaml"
    threads: 2
    resources:
        gpu=gpu,
        mem_mb=scaled_by_attempt(8000),
        runtime=scaled_by_attempt(240),
    params:
        lambda wildcards: dict(
            plan=cfg.plan(wildcards.task, wildcards.model).model_dump(),
            corruptions=cfg.robustness.corruptions,
            severities=cfg.robustness.severities,
        ),
        code=lambda wildcards: digest_of(
            "perturb/corrupt.py",
            *modules_of(cfg.plan(wildcards.task, wildcards.model)),
        ),
    message:
        "Asking {wildcards.model} on {wildcards.task} about corrupted photos"
    script:
        "../scripts/perturb/corrupt.py"


rule robustness:
    """What corruption costs each model, beside its answers on the clean photos."""
    input:
        asked=expand(rules.corrupt.output, model=cfg.robustness_models, allow_missing=True),
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
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=scaled_by_attempt(2000),
        runtime=scaled_by_attempt(20),
    params:
        code=digest_of("perturb/robustness.py"),
    message:
        "Judging what corruption costs the models of {wildcards.task}"
    script:
        "../scripts/perturb/robustness.py"
