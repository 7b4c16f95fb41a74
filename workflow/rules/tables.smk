# Needs: results/metrics/. Makes: the tables of models, and figures of their accuracies.


rule model_table:
    """A table of models on the holdout, with the paper's values in the paper's tables."""
    input:
        summary=rules.metrics.output.summary,
        paper=lambda wildcards: (
            own("data/paper_results.csv") if "paper" in TABLES[wildcards.table] else []
        ),
        holdout=lambda wildcards: "results/splits/{task}/holdout.csv".format(
            **TABLES[wildcards.table]
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
        table="|".join(TABLES),
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        table=lambda wildcards: TABLES[wildcards.table],
        code=digest_of("evaluation/model_table.py"),
    message:
        "Writing the table {wildcards.table}"
    script:
        "../scripts/evaluation/model_table.py"


rule accuracy_figure:
    """Dot plot of accuracies: seeds, mean, interval, and the majority-class baseline."""
    input:
        table=rules.model_table.output.csv,
        runs=rules.metrics.output.runs,
        holdout=lambda wildcards: "results/splits/{task}/holdout.csv".format(
            **TABLES[wildcards.table]
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
        table="|".join(TABLES),
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        table=lambda wildcards: TABLES[wildcards.table],
        code=digest_of("figures/accuracy_figure.py"),
    message:
        "Drawing the accuracies of {wildcards.table}"
    script:
        "../scripts/figures/accuracy_figure.py"
