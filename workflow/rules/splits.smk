# Input: results/data/. Output: results/splits/, the training, validation and test subsets.


rule split:
    """Stratified holdout split and repeated stratified k-fold splits of a task."""
    input:
        manifest=rules.manifest.output[0],
        images=rules.fetch.output[0],
        duplicates=rules.duplicates.output[0],
    output:
        holdout="results/splits/{task}/holdout.csv",
        kfold="results/splits/{task}/kfold.csv",
    log:
        "results/logs/split/{task}.log",
    benchmark:
        "results/benchmarks/split/{task}.tsv"
    localrule: True
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        lambda wildcards: dict(
            classes=cfg.tasks[wildcards.task].classes, splits=cfg.splits.model_dump()
        ),
        code=digest_of("data/split.py"),
    message:
        "Splitting the photos of {wildcards.task}"
    script:
        "../scripts/data/split.py"
