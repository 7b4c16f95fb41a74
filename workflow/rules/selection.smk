# Input: the predictions table and metadata of the main task's runs. Output: results/selection/:
# comparison of recipes, model selection per run without its test photos, and the deployed model.

VIEWS = [m for m in cfg.tasks[MAIN].every_model if m in cfg.models_by("tta")]


rule select:
    """Select a model in each run without its test photos, and compare all recipes."""
    input:
        predictions=f"results/predictions/{MAIN}.csv",
        metas=[f"{run.folder}/meta.json" for run in cfg.runs_of(MAIN)],
        views=[f"{run.folder}/history.csv" for run in cfg.runs_of(MAIN) if run.model in VIEWS],
    output:
        scores="results/selection/scores.csv",
        chosen=report(
            "results/selection/chosen.csv",
            caption="../report/captions/selection.rst",
            category="Recipes",
        ),
        recipes=report(
            "results/selection/recipes.csv",
            caption="../report/captions/selection.rst",
            category="Recipes",
        ),
        views="results/selection/views.csv",
    log:
        "results/logs/selection/choose.log",
    benchmark:
        "results/benchmarks/selection/choose.tsv"
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        dict(
            candidates=cfg.candidates,
            by=cfg.selection.by,
            recipes={m: cfg.models[m].recipe for m in cfg.tasks[MAIN].every_model},
        ),
        code=digest_of("evaluation/select.py"),
    message:
        f"Comparing the recipes of {MAIN}, and selecting one in each run"
    script:
        "../scripts/evaluation/select.py"


rule recipes_figure:
    """Dot plot of the accuracy of every recipe and of the selected model."""
    input:
        recipes=rules.select.output.recipes,
        holdout=f"results/splits/{MAIN}/holdout.csv",
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


DEPLOYABLE = [cfg.deploy] if cfg.deploy else cfg.candidates


rule deploy:
    """The deployed model of `predict` and `export`: the selected one, or that of `deploy:`."""
    input:
        predictions=f"results/predictions/{MAIN}.csv",
    output:
        "results/selection/deployed.json",
    log:
        "results/logs/selection/use.log",
    benchmark:
        "results/benchmarks/selection/use.tsv"
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        dict(
            task=MAIN,
            recipes={model: cfg.models[model].recipe for model in DEPLOYABLE},
            by=cfg.selection.by,
            accuracy=cfg.predict.accuracy,
        ),
        code=digest_of("inference/deploy.py"),
    message:
        "Selecting the model to deploy"
    script:
        "../scripts/inference/deploy.py"
