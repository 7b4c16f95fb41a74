# Needs: the weights of the holdout's runs, the photos as each model sees them, their person boxes.
# Makes: results/cover/, what models say of photos with people or background covered, and of each
# task results/explain/{task}/covered.csv and its figure.


rule occlude:
    """Ask a model's runs about the test photos with the person covered, and as much background."""
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
        "results/cover/{task}/{model}.csv",
    log:
        "results/logs/cover/{task}/{model}.log",
    benchmark:
        "results/benchmarks/cover/{task}/{model}.tsv"
    conda:
        "../../envs/backbones.yaml"
    threads: 2
    resources:
        gpu=gpu,
        mem_mb=scaled_by_attempt(8000),
        runtime=scaled_by_attempt(120),
    params:
        lambda wildcards: cfg.plan(wildcards.task, wildcards.model).model_dump(),
        code=lambda wildcards: digest_of(
            "perturb/occlude.py",
            *modules_of(cfg.plan(wildcards.task, wildcards.model)),
        ),
    message:
        "Covering people and background for {wildcards.model} on {wildcards.task}"
    script:
        "../scripts/perturb/occlude.py"


rule occlusion:
    """Accuracy with the person covered, beside that with as much background covered."""
    input:
        asked=lambda wildcards: expand(
            rules.occlude.output, task=wildcards.task, model=cfg.tasks[wildcards.task].models
        ),
    output:
        csv=report(
            "results/explain/{task}/covered.csv",
            caption="../report/captions/covered.rst",
            category="Where models look",
        ),
        svg=report(
            "results/figures/covered_{task}.svg",
            caption="../report/captions/covered.rst",
            category="Where models look",
        ),
        png="results/figures/covered_{task}.png",
    log:
        "results/logs/explain/{task}/covered.log",
    benchmark:
        "results/benchmarks/explain/{task}/covered.tsv"
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=scaled_by_attempt(2000),
        runtime=scaled_by_attempt(20),
    params:
        code=digest_of("perturb/occlusion.py"),
    message:
        "Judging what covering people costs the models of {wildcards.task}"
    script:
        "../scripts/perturb/occlusion.py"
