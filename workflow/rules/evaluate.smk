# Input: results/runs/. Output: the predictions tables, and the metrics of each run and model.


rule predictions:
    """Predictions of all runs of a task in one table, the input of all evaluations."""
    input:
        runs=lambda wildcards: [
            f"{run.folder}/predictions.csv" for run in cfg.runs_of(wildcards.task)
        ],
    output:
        "results/predictions/{task}.csv",
    log:
        "results/logs/predictions/{task}.log",
    benchmark:
        "results/benchmarks/predictions/{task}.tsv"
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=digest_of("evaluation/predictions.py"),
    message:
        "Concatenating the predictions of {wildcards.task}"
    script:
        "../scripts/evaluation/predictions.py"


rule metrics:
    """Accuracy, macro precision, recall and F1 per run, and per model over its seeds."""
    input:
        predictions=expand("results/predictions/{task}.csv", task=TASKS),
    output:
        runs="results/metrics/runs.csv",
        summary="results/metrics/summary.csv",
    log:
        "results/logs/metrics.log",
    benchmark:
        "results/benchmarks/metrics.tsv"
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=digest_of("evaluation/metrics.py"),
    message:
        "Computing metrics"
    script:
        "../scripts/evaluation/metrics.py"


MAIN = cfg.main_task
TEST = dict(task=MAIN, subset="test")

# The rows of each table by the name shown, each with its model; `paper` is its number in the paper.
# Of the paper's table 7 only one value is known; the others come from its other tables.
COMPARED = {
    "table_2": TEST | dict(paper=2, rows={m: m for m in ("cnn_base", "fnn_base")}),
    "table_3": dict(task=cfg.augmented, subset="validation", paper=3, rows=cfg.variants()),
    "table_4": TEST | dict(paper=4, rows={m: m for m in ("cnn_gen", "cnn_base")}),
    "table_5": dict(
        task="sit_stand", subset="test", paper=5, rows={m: m for m in ("clip_ic", "vit", "siglip2")}
    ),
    "table_6": TEST | dict(paper=6, rows={m: m for m in ("clip_em", "clip_cs")}),
    "table_7": TEST | dict(paper=None, rows={m: m for m in cfg.tasks[MAIN].models}),
}
# Tables without any model of the study are omitted.
COMPARED = {
    name: table
    for name, table in COMPARED.items()
    if table["task"] in TASKS and {*table["rows"].values()} & {*cfg.models_of(table["task"])}
}
CONFUSIONS = {"figure_3": "sit_stand", f"confusion_{MAIN}": MAIN}
CONFUSIONS = {
    name: task for name, task in CONFUSIONS.items() if task in cfg.tasks and cfg.tasks[task].models
}


rule compare:
    """A table of models: results of this study and of the paper."""
    input:
        summary=rules.metrics.output.summary,
        paper=own("data/paper_results.csv"),
        holdout=lambda wildcards: "results/splits/{task}/holdout.csv".format(
            **COMPARED[wildcards.table]
        ),
    output:
        csv=report(
            "results/tables/{table}.csv",
            caption="../report/captions/table.rst",
            category="Tables",
        ),
        md="results/tables/{table}.md",
        tex="results/tables/{table}.tex",
    log:
        "results/logs/tables/{table}.log",
    benchmark:
        "results/benchmarks/tables/{table}.tsv"
    wildcard_constraints:
        table="|".join(COMPARED),
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        lambda wildcards: COMPARED[wildcards.table],
        code=digest_of("paper/compare.py"),
    message:
        "Comparing {wildcards.table} with the paper"
    script:
        "../scripts/paper/compare.py"


rule claims:
    """The paper's claims: supported by this study, not supported or undecided."""
    input:
        claims=own("data/paper_claims.csv"),
        runs=rules.metrics.output.runs,
        predictions=rules.metrics.input.predictions,
    output:
        csv=report(
            "results/tables/claims.csv",
            caption="../report/captions/claims.rst",
            category="Tables",
        ),
        md="results/tables/claims.md",
    log:
        "results/logs/tables/claims.log",
    benchmark:
        "results/benchmarks/tables/claims.tsv"
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        dict(names=cfg.variants(), anova=cfg.statistics.anova),
        code=digest_of("paper/claims.py"),
    message:
        "Evaluating the paper's claims"
    script:
        "../scripts/paper/claims.py"


rule accuracy_figure:
    """Dot plot of accuracies: seeds, mean, interval, and the majority-class baseline."""
    input:
        table=rules.compare.output.csv,
        runs=rules.metrics.output.runs,
        holdout=lambda wildcards: "results/splits/{task}/holdout.csv".format(
            **COMPARED[wildcards.table]
        ),
    output:
        png="results/figures/{table}.png",
        svg=report(
            "results/figures/{table}.svg",
            caption="../report/captions/accuracy.rst",
            category="Accuracy",
        ),
    log:
        "results/logs/figures/{table}.log",
    benchmark:
        "results/benchmarks/figures/{table}.tsv"
    wildcard_constraints:
        table="|".join(COMPARED),
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        lambda wildcards: COMPARED[wildcards.table],
        code=digest_of("figures/accuracy_figure.py"),
    message:
        "Drawing the accuracies of {wildcards.table}"
    script:
        "../scripts/figures/accuracy_figure.py"


rule confusion_figure:
    """Confusion matrices of the models of a task on the test photos."""
    input:
        predictions=lambda wildcards: f"results/predictions/{CONFUSIONS[wildcards.figure]}.csv",
    output:
        png="results/figures/{figure}.png",
        svg=report(
            "results/figures/{figure}.svg",
            caption="../report/captions/confusion.rst",
            category="Accuracy",
        ),
    log:
        "results/logs/figures/{figure}.log",
    benchmark:
        "results/benchmarks/figures/{figure}.tsv"
    wildcard_constraints:
        figure="|".join(CONFUSIONS),
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        lambda wildcards: dict(models=cfg.tasks[CONFUSIONS[wildcards.figure]].models, subset="test"),
        code=digest_of("figures/confusion_figure.py"),
    message:
        "Drawing {wildcards.figure}"
    script:
        "../scripts/figures/confusion_figure.py"


# Models that are trained in epochs.
LEARNING = [
    model
    for model in cfg.tasks[MAIN].models
    if hasattr(getattr(cfg.recipes, cfg.models[model].recipe, None), "max_epochs")
]


rule learning_curves:
    """Learning curves: training and validation loss by epoch."""
    input:
        histories=[
            f"results/runs/{MAIN}/{model}/holdout/seed_{seed}/history.csv"
            for model in LEARNING
            for seed in cfg.seeds_of(model)
        ],
    output:
        png="results/figures/learning_curves.png",
        svg=report(
            "results/figures/learning_curves.svg",
            caption="../report/captions/curves.rst",
            category="Training",
        ),
    log:
        "results/logs/figures/learning_curves.log",
    benchmark:
        "results/benchmarks/figures/learning_curves.tsv"
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=digest_of("figures/learning_curves.py"),
    message:
        f"Drawing the learning curves of the models of {MAIN}"
    script:
        "../scripts/figures/learning_curves.py"
