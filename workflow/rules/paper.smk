# Needs: results/metrics/. Makes: the study beside the figures and claims of the paper.

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


rule paper_tests:
    """The paper's tests: ANOVA over models and a paired t-test, seeds as replicates."""
    input:
        runs=rules.metrics.output.runs,
    output:
        anova=report(
            "results/statistics/anova.csv",
            caption="../report/captions/paper_tests.rst",
            category="Comparisons",
        ),
        checks=report(
            "results/statistics/anova_checks.csv",
            caption="../report/captions/paper_tests.rst",
            category="Comparisons",
        ),
        t_test=report(
            "results/statistics/t_test.csv",
            caption="../report/captions/paper_tests.rst",
            category="Comparisons",
        ),
    log:
        "results/logs/statistics/paper_tests.log",
    benchmark:
        "results/benchmarks/statistics/paper_tests.tsv"
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        dict(task=MAIN, **cfg.statistics.model_dump()),
        code=digest_of("paper/paper_tests.py"),
    message:
        "Computing the paper's hypothesis tests"
    script:
        "../scripts/paper/paper_tests.py"


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
