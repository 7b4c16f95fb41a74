# Input: training data of the model set under `sweep` in the config. Output: results/sweep/, one
# folder per combination of its settings, and a sensitivity analysis. Run `snakemake -- sweep`.

from stillact.evaluation import sweep
from snakemake.utils import Paramspace

SPACE = Paramspace(sweep.combinations(cfg.sweep))
POINT = f"results/sweep/{SPACE.wildcard_pattern}/{{task}}/{{model}}/holdout/seed_{{seed}}"


rule sweep_point:
    """Train the model of the sweep with one combination of settings; weights are not kept."""
    input:
        unpack(trained_on),
        split=rules.split.output.holdout,
    output:
        predictions=f"{POINT}/predictions.csv",
        history=f"{POINT}/history.csv",
        meta=[f"{POINT}/meta.json"],
    log:
        f"results/logs/sweep/{SPACE.wildcard_pattern}/{{task}}/{{model}}/{{seed}}.log",
    benchmark:
        f"results/benchmarks/sweep/{SPACE.wildcard_pattern}/{{task}}/{{model}}/{{seed}}.tsv"
    wildcard_constraints:
        **{
            setting: "|".join(re.escape(str(value)) for value in SPACE[setting].unique())
            for setting in sweep.SETTINGS
        },
        task=MAIN,
        model=cfg.sweep.model or "-",
    conda:
        "../../envs/backbones.yaml"
    threads: cfg.resources_of("fine_tune").threads
    resources:
        gpu=gpu,
        mem_mb=scaled_by_attempt(cfg.resources_of("fine_tune").mem_mb),
        runtime=scaled_by_attempt(cfg.resources_of("fine_tune").minutes),
    params:
        lambda wildcards: sweep.plan(
            cfg.plan(wildcards.task, wildcards.model), cfg.sweep, SPACE.instance(wildcards)
        ).model_dump(),
        code=lambda wildcards: digest_of(
            "training/train.py", *modules_of(cfg.plan(wildcards.task, wildcards.model))
        ),
    message:
        "Training {wildcards.model}: learning rate {wildcards.learning_rate}, layer decay "
        "{wildcards.layer_decay}, augmentation {wildcards.augment}"
    script:
        "../scripts/training/train.py"


rule sweep:
    """Sensitivity to hyper-parameters: scores of all combinations and their distribution."""
    input:
        histories=swept,
        split=f"results/splits/{MAIN}/holdout.csv",
    output:
        points=report(
            "results/sweep/points.csv",
            caption="../report/captions/sweep.rst",
            category="Settings",
        ),
        summary=report(
            "results/sweep/summary.csv",
            caption="../report/captions/sweep.rst",
            category="Settings",
        ),
        svg=report(
            "results/figures/sweep.svg",
            caption="../report/captions/sweep.rst",
            category="Settings",
        ),
        png="results/figures/sweep.png",
    log:
        "results/logs/sweep.log",
    benchmark:
        "results/benchmarks/sweep.tsv"
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        lambda wildcards: dict(
            model=cfg.sweep.model,
            points=SPACE.to_dict("records"),
            own=sweep.own(cfg.plan(MAIN, cfg.sweep.model), cfg.sweep),
            patience=cfg.plan(MAIN, cfg.sweep.model).training.patience,
        ),
        code=digest_of("evaluation/sweep.py"),
    message:
        "Evaluating the sensitivity of {params[0][model]} to its settings"
    script:
        "../scripts/evaluation/sweep.py"


WISE_FT = [m for m in cfg.tasks[MAIN].models if m in cfg.models_by("wise_ft")]


rule alpha_curve:
    """Validation scores between zero-shot and fine-tuned weights (WiSE-FT)."""
    input:
        histories=lambda wildcards: [
            f"results/runs/{MAIN}/{wildcards.model}/holdout/seed_{seed}/history.csv"
            for seed in cfg.seeds_of(wildcards.model)
        ],
        metas=lambda wildcards: [
            f"results/runs/{MAIN}/{wildcards.model}/holdout/seed_{seed}/meta.json"
            for seed in cfg.seeds_of(wildcards.model)
        ],
        split=f"results/splits/{MAIN}/holdout.csv",
    output:
        png="results/figures/wise_ft_{model}.png",
        svg=report(
            "results/figures/wise_ft_{model}.svg",
            caption="../report/captions/alpha.rst",
            category="Settings",
        ),
    log:
        "results/logs/figures/wise_ft_{model}.log",
    benchmark:
        "results/benchmarks/figures/wise_ft_{model}.tsv"
    wildcard_constraints:
        model="|".join(WISE_FT) or "-",
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=digest_of("figures/alpha_curve.py"),
    message:
        "Drawing {wildcards.model} between its zero-shot and its fine-tuned weights"
    script:
        "../scripts/figures/alpha_curve.py"
