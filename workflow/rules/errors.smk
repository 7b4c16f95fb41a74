# Input: results/predictions/, results/statistics/, the photos. Output: results/errors/, the error
# analysis, and its figures.

# Figure 5 is for the main task; each other task has a separate figure.
FAILURES = {
    "figure_5" if task == MAIN else f"figure_5_{task}": task
    for task in cfg.tasks
    if cfg.tasks[task].models
}


rule errors:
    """Error analysis: error rates by factor, agreement of models, example errors."""
    input:
        predictions=rules.predictions.output[0],
        manifest=rules.manifest.output[0],
        images=rules.fetch.output[0],
    output:
        **{
            name: report(
                f"results/errors/{{task}}/{name}.csv",
                caption="../report/captions/errors.rst",
                category="Errors",
            )
            for name in ("rates", "contrasts", "agreement", "failures", "wrong_by_all")
        },
        factors="results/errors/{task}/factors.csv",
    log:
        "results/logs/errors/{task}.log",
    benchmark:
        "results/benchmarks/errors/{task}.tsv"
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=scaled_by_attempt(2000),
        runtime=scaled_by_attempt(30),
    params:
        lambda wildcards: dict(models=cfg.tasks[wildcards.task].models, cache=cfg.dataset.cache),
        code=digest_of("evaluation/errors.py"),
    message:
        "Analysing the errors of the models of {wildcards.task}"
    script:
        "../scripts/evaluation/errors.py"


rule failures_figure:
    """Figure of the most confident error per model and class."""
    input:
        pooled=lambda wildcards: f"results/statistics/{FAILURES[wildcards.figure]}/pooled.csv",
        failures=lambda wildcards: f"results/errors/{FAILURES[wildcards.figure]}/failures.csv",
        images=rules.fetch.output[0],
    output:
        report(
            "results/figures/{figure}.png",
            caption="../report/captions/failures.rst",
            category="Errors",
        ),
    log:
        "results/logs/figures/{figure}.log",
    benchmark:
        "results/benchmarks/figures/{figure}.tsv"
    wildcard_constraints:
        figure="|".join(FAILURES),
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        lambda wildcards: dict(
            classes=cfg.tasks[FAILURES[wildcards.figure]].classes, cache=cfg.dataset.cache
        ),
        code=digest_of("figures/failures_figure.py"),
    message:
        "Drawing {wildcards.figure}"
    script:
        "../scripts/figures/failures_figure.py"


rule error_figures:
    """Figures of error rates, agreement, and photos misclassified by all models."""
    input:
        pooled=rules.evaluate.output.pooled,
        rates=rules.errors.output.rates,
        agreement=rules.errors.output.agreement,
        wrong_by_all=rules.errors.output.wrong_by_all,
        images=rules.fetch.output[0],
    output:
        svg=report(
            expand(
                "results/figures/{figure}_{task}.svg",
                figure=["error_rates", "agreement"],
                allow_missing=True,
            ),
            caption="../report/captions/error_figures.rst",
            category="Errors",
        ),
        png=expand(
            "results/figures/{figure}_{task}.png",
            figure=["error_rates", "agreement"],
            allow_missing=True,
        ),
        photos=report(
            "results/figures/wrong_by_all_{task}.png",
            caption="../report/captions/wrong_by_all.rst",
            category="Errors",
        ),
    log:
        "results/logs/figures/errors_{task}.log",
    benchmark:
        "results/benchmarks/figures/errors_{task}.tsv"
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        dict(cache=cfg.dataset.cache),
        code=digest_of("figures/error_figures.py"),
    message:
        "Drawing the error figures of {wildcards.task}"
    script:
        "../scripts/figures/error_figures.py"
