# Needs: the predictions table and the metas of the main task's runs. Makes: results/selection/: every
# recipe compared, one chosen in each run without its test photos, and the one to use on new photos.

VIEWS = [m for m in cfg.tasks[MAIN].every_model if m in cfg.models_by("tta")]


rule select:
    """Choose a model in every run without its test photos, and judge that way of choosing."""
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
        "Comparing the recipes of {MAIN}, and choosing one in every run"
    script:
        "../scripts/evaluation/select.py"


rule recipes_figure:
    """Accuracy of every recipe, and of choosing among them on the validation photos."""
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
        "Drawing the recipes of {MAIN}"
    script:
        "../scripts/figures/recipes_figure.py"


DEPLOYABLE = [cfg.deploy] if cfg.deploy else cfg.candidates


rule deploy:
    """The model that `predict` and `export` take: the selected one, or the one that `use` names."""
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
        "Choosing the model to use"
    script:
        "../scripts/inference/deploy.py"
