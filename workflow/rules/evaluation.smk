# Needs: results/runs/. Makes: the predictions tables and all that is computed from them: metrics,
# comparisons, calibration, selection of a model, error analysis.


rule predictions:
    """Predictions of all runs of a task in one table, the input of all evaluations."""
    input:
        runs=lambda wildcards: [
            f"{run.folder}/predictions.csv" for run in cfg.runs_of(wildcards.task)
        ],
        kfold=rules.split.output.kfold,
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


rule confusion_figure:
    """Confusion matrices of the models of a task."""
    input:
        predictions=lambda wildcards: f"results/predictions/{CONFUSIONS[wildcards.figure]}.csv",
        pooled=lambda wildcards: f"results/statistics/{CONFUSIONS[wildcards.figure]}/pooled.csv",
    output:
        csv="results/tables/{figure}.csv",
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
        papers=lambda wildcards: of_table_5() if wildcards.figure == "figure_3" else None,
        shown=cfg.report.model_dump(),
        code=digest_of("figures/confusion_figure.py"),
    message:
        "Drawing {wildcards.figure}"
    script:
        "../scripts/figures/confusion_figure.py"


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
    group:
        "statistics"
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=scaled_by_attempt(4000),
        runtime=scaled_by_attempt(30),
    params:
        models=lambda wildcards: cfg.tasks[wildcards.task].models,
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
            category="Comparisons",
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
        shown=cfg.report.model_dump(),
        code=digest_of("figures/evaluation_figures.py"),
    message:
        "Drawing the statistics of {wildcards.task}"
    script:
        "../scripts/figures/evaluation_figures.py"


rule recipes:
    """Compare all models of the main task, on the holdout and cross-validated."""
    input:
        predictions=f"results/predictions/{MAIN}.csv",
        views=[f"{run.folder}/history.csv" for run in cfg.runs_of(MAIN) if run.model in VIEWS],
    output:
        recipes=report(
            "results/selection/recipes.csv",
            caption="../report/captions/selection.rst",
            category="Recipes",
        ),
        views="results/selection/views.csv",
        members="results/selection/members.csv",
    log:
        "results/logs/selection/recipes.log",
    benchmark:
        "results/benchmarks/selection/recipes.tsv"
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        recipes={m: cfg.models[m].recipe for m in cfg.tasks[MAIN].models},
        members={m: cfg.members_of(m) for m in MEANS},
        code=digest_of("evaluation/recipes.py"),
    message:
        f"Comparing the models of {MAIN}"
    script:
        "../scripts/evaluation/recipes.py"


# The models that others are made of.
MADE_OF = {model: cfg.made_of(model) for model in cfg.candidates if cfg.made_of(model)}
PRICED = list(dict.fromkeys([*cfg.candidates, *(one for of in MADE_OF.values() for one in of)]))


rule answer:
    """Recommend a model, with the accuracy to expect of it, or state that nothing is shown."""
    input:
        predictions=f"results/predictions/{MAIN}.csv",
        pairs=f"results/statistics/{MAIN}/pairs.csv",
        metas=[path for paths in metas_of(PRICED).values() for path in paths],
        towers=list(dict.fromkeys(sum(towers_of(cfg.candidates).values(), []))),
        people=rules.people.output[0],
        images=rules.fetch.output[0],
        kfold=f"results/splits/{MAIN}/kfold.csv",
    output:
        json="results/answer.json",
        md=report("results/answer.md", caption="../report/captions/answer.rst", category="Answer"),
    log:
        "results/logs/answer.log",
    benchmark:
        "results/benchmarks/answer.tsv"
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        settings=dict(
            task=MAIN,
            recipes={model: cfg.models[model].recipe for model in cfg.candidates},
            not_judged=cfg.not_judged,
            metas=metas_of(PRICED),
            towers=towers_of(cfg.candidates),
            made_of=MADE_OF,
            members={model: cfg.members_of(model) for model in cfg.candidates},
        ),
        code=digest_of("evaluation/answer.py"),
    message:
        f"Choosing a model for {MAIN}"
    script:
        "../scripts/evaluation/answer.py"


rule recipes_figure:
    """Dot plot of the accuracy of every recipe and of the selected model."""
    input:
        recipes=rules.recipes.output.recipes,
        answer=rules.answer.output.json,
    output:
        png="results/figures/recipes.png",
        svg=report(
            "results/figures/recipes.svg",
            caption="../report/captions/selection.rst",
            category="Recipes",
        ),
    log:
        "results/logs/figures/recipes.log",
    benchmark:
        "results/benchmarks/figures/recipes.tsv"
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=digest_of("figures/recipes_figure.py"),
    message:
        f"Drawing the recipes of {MAIN}"
    script:
        "../scripts/figures/recipes_figure.py"


if PROBES:

    rule more_photos:
        """Learning curve of a linear probe: how much more labelled photos would help."""
        input:
            answer=rules.answer.output.json,
            kfold=f"results/splits/{MAIN}/kfold.csv",
            embeddings=[
                f"{probe['embeddings']}.{kind}"
                for probe in PROBES.values()
                for kind in ("npy", "csv")
            ],
            metas=[meta for probe in PROBES.values() for meta in probe["metas"].values()],
        output:
            csv="results/selection/more_photos.csv",
            png="results/figures/more_photos.png",
            svg=report(
                "results/figures/more_photos.svg",
                caption="../report/captions/more_photos.rst",
                category="Answer",
            ),
        log:
            "results/logs/more_photos.log",
        benchmark:
            "results/benchmarks/more_photos.tsv"
        localrule: True
        conda:
            "../../envs/report.yaml"
        threads: 1
        resources:
            mem_mb=2000,
            runtime=30,
        params:
            probes=PROBES,
            code=digest_of("evaluation/more_photos.py"),
        message:
            "Measuring how the accuracy depends on the number of photos"
        script:
            "../scripts/evaluation/more_photos.py"


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
        pooled=rules.evaluate.output.pooled,
        manifest=rules.manifest.output[0],
        people=rules.people.output[0],
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
    group:
        "statistics"
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=scaled_by_attempt(2000),
        runtime=scaled_by_attempt(30),
    params:
        models=lambda wildcards: cfg.tasks[wildcards.task].models,
        cache=cfg.dataset.cache,
        shown=cfg.report.model_dump(),
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
        classes=lambda wildcards: cfg.tasks[FAILURES[wildcards.figure]].classes,
        cache=cfg.dataset.cache,
        shown=cfg.report.model_dump(),
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
        answer=lambda wildcards: rules.answer.output.json if wildcards.task == MAIN else [],
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
        cache=cfg.dataset.cache,
        shown=cfg.report.model_dump(),
        code=digest_of("figures/error_figures.py"),
    message:
        "Drawing the error figures of {wildcards.task}"
    script:
        "../scripts/figures/error_figures.py"
