# Needs: results/runs/. Makes: the predictions tables, and the metrics of each run and model.


rule predictions:
    """All predictions of a task in one table: the hinge that everything reported hangs on."""
    input:
        code=code("predictions.py"),
        runs=lambda wildcards: expand(
            "results/runs/{task}/{model}/holdout/seed_{seed}/predictions.csv",
            task=wildcards.task,
            model=cfg.models_of(wildcards.task),
            seed=cfg.seeds,
        ),
    output:
        "results/predictions/{task}.csv",
    log:
        "results/logs/predictions/{task}.log",
    benchmark:
        "results/benchmarks/predictions/{task}.tsv"
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    message:
        "Gathering the predictions of {wildcards.task}"
    script:
        "../scripts/predictions.py"


rule metrics:
    """Accuracy, macro precision, recall and F1: a run, and a model over its seeds."""
    input:
        code=code("metrics.py"),
        predictions=expand(rules.predictions.output, task=TASKS),
    output:
        runs="results/metrics/runs.csv",
        summary="results/metrics/summary.csv",
    log:
        "results/logs/metrics.log",
    benchmark:
        "results/benchmarks/metrics.tsv"
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    message:
        "Scoring the predictions"
    script:
        "../scripts/metrics.py"


# The rows of each table, with the model that each one shows; `paper` is the table's number there.
COMPARED = {
    "table_2": dict(paper=2, subset="test", rows={m: m for m in ("cnn_base", "fnn_base")}),
    "table_3": dict(paper=3, subset="validation", rows=cfg.variants()),
    "table_4": dict(paper=4, subset="test", rows={m: m for m in ("cnn_gen", "cnn_base")}),
    "models": dict(paper=None, subset="test", rows={m: m for m in cfg.tasks[cfg.main_task].models}),
}


rule compare:
    """A table of models: this study's figures beside the paper's."""
    input:
        code=code("compare.py"),
        summary=rules.metrics.output.summary,
        paper="data/paper_results.csv",
    output:
        "results/tables/{table}.csv",
    log:
        "results/logs/tables/{table}.log",
    benchmark:
        "results/benchmarks/tables/{table}.tsv"
    wildcard_constraints:
        table="|".join(COMPARED),
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        lambda wildcards: dict(task=cfg.main_task, **COMPARED[wildcards.table]),
    message:
        "Setting {wildcards.table} beside the paper's figures"
    script:
        "../scripts/compare.py"


rule accuracy_figure:
    """Accuracy a row of a table: each seed, mean, interval, and the largest-class rate."""
    input:
        code=code("accuracy_figure.py"),
        table=rules.compare.output[0],
        runs=rules.metrics.output.runs,
        holdout=rules.audit.input.holdout,
    output:
        png="results/figures/{table}.png",
        svg="results/figures/{table}.svg",
    log:
        "results/logs/figures/{table}.log",
    benchmark:
        "results/benchmarks/figures/{table}.tsv"
    wildcard_constraints:
        table="|".join(COMPARED),
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        lambda wildcards: dict(task=cfg.main_task, **COMPARED[wildcards.table]),
    message:
        "Drawing the accuracies of {wildcards.table}"
    script:
        "../scripts/accuracy_figure.py"
