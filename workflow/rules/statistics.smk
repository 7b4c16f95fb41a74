# Input: results/metrics/, results/predictions/. Output: results/statistics/, intervals, tests and
# calibration, and its figures.

STATISTICS = ["pooled", "pairs", "smallest_differences", "calibration", "reliability"]


rule paper_tests:
    """The paper's tests: ANOVA over models and a paired t-test, seeds as replicates."""
    input:
        runs=rules.metrics.output.runs,
    output:
        anova=report(
            "results/statistics/anova.csv",
            caption="../report/captions/paper_tests.rst",
            category="Statistics",
        ),
        checks=report(
            "results/statistics/anova_checks.csv",
            caption="../report/captions/paper_tests.rst",
            category="Statistics",
        ),
        t_test=report(
            "results/statistics/t_test.csv",
            caption="../report/captions/paper_tests.rst",
            category="Statistics",
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


rule evaluate:
    """Metrics with confidence intervals, pairwise comparisons and calibration."""
    input:
        predictions=rules.predictions.output[0],
        runs=rules.metrics.output.runs,
    output:
        **{name: f"results/statistics/{{task}}/{name}.csv" for name in STATISTICS},
    log:
        "results/logs/statistics/{task}.log",
    benchmark:
        "results/benchmarks/statistics/{task}.tsv"
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=scaled_by_attempt(4000),
        runtime=scaled_by_attempt(30),
    params:
        lambda wildcards: dict(models=cfg.tasks[wildcards.task].models),
        code=digest_of("evaluation/evaluate.py"),
    message:
        "Evaluating the models of {wildcards.task}"
    script:
        "../scripts/evaluation/evaluate.py"


rule evaluation_figures:
    """Figures of metrics, pairwise comparisons and reliability diagrams."""
    input:
        pooled=rules.evaluate.output.pooled,
        pairs=rules.evaluate.output.pairs,
        calibration=rules.evaluate.output.calibration,
        reliability=rules.evaluate.output.reliability,
        holdout=rules.split.output.holdout,
        cv=rules.split.output.kfold,
    output:
        svg=report(
            expand(
                "results/figures/{figure}_{task}.svg",
                figure=["pooled", "pairs", "reliability"],
                allow_missing=True,
            ),
            caption="../report/captions/judging.rst",
            category="Statistics",
        ),
        png=expand(
            "results/figures/{figure}_{task}.png",
            figure=["pooled", "pairs", "reliability"],
            allow_missing=True,
        ),
    log:
        "results/logs/figures/judging_{task}.log",
    benchmark:
        "results/benchmarks/figures/judging_{task}.tsv"
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=digest_of("figures/evaluation_figures.py"),
    message:
        "Drawing the statistics of {wildcards.task}"
    script:
        "../scripts/figures/evaluation_figures.py"
