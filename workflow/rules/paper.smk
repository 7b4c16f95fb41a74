# Needs: results/metrics/. Makes: the paper's claims and tests on the results of the study. Included only
# if the config's block `paper` applies to the study.


rule claims:
    """The paper's claims: supported by this study, not supported or undecided."""
    input:
        claims=own("data/paper_claims.csv"),
        runs=rules.metrics.output.runs,
        predictions=rules.metrics.input.predictions,
        contrasts=[
            f"results/errors/{task}/contrasts.csv" for task in cfg.tasks if cfg.tasks[task].models
        ],
        manifest=rules.manifest.output[0],
        images=rules.fetch.output[0],
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
        names=cfg.variants(),
        anova=cfg.paper.anova,
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
        task=MAIN,
        anova=cfg.paper.anova,
        t_test=cfg.paper.t_test,
        code=digest_of("paper/paper_tests.py"),
    message:
        "Computing the paper's hypothesis tests"
    script:
        "../scripts/paper/paper_tests.py"
