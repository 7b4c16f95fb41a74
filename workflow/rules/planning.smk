# Input: the config, data/run_costs.csv, and benchmarks of earlier runs, if any.
# Output: results/plan.csv, the estimated time, memory and disk space of a study. Run
# `snakemake plan`; it runs no part of the study.

# Short jobs of a study that stillact/planning/work.py does not count itself, with the benchmark
# of each. They are listed here because they depend on the inputs of the report.
SMALL = dict(
    manifest=["manifest"],
    people=["people"] if JUDGED and not cfg.people.detector else [],
    **{rule: [rule] for rule in ("table_1", "figure_1", "figure_2", "audit", "metrics", "report")},
    predictions=[f"predictions/{task}" for task in TASKS],
    paper_tests=["statistics/paper_tests"] if cfg.paper else [],
    claims=["tables/claims"] if cfg.paper else [],
    model_table=[f"tables/{table}" for table in TABLES],
    accuracy_figure=[f"figures/{table}" for table in PLOTTED],
    confusion_figure=[f"figures/{figure}" for figure in CONFUSIONS],
    learning_curves=["figures/learning_curves"] if LEARNING else [],
    evaluate=[f"statistics/{task}" for task in JUDGED],
    evaluation_figures=[f"figures/judging_{task}" for task in JUDGED],
    errors=[f"errors/{task}" for task in JUDGED],
    error_figures=[f"figures/errors_{task}" for task in JUDGED],
    failures_figure=["figures/figure_5"] if ANSWERS else [],
    recipes=["selection/recipes"] if ANSWERS else [],
    answer=["answer"] if ANSWERS else [],
    recipes_figure=["figures/recipes"] if ANSWERS else [],
    more_photos=["more_photos"] if PROBES else [],
    review=["review"] if cfg.candidates else [],
    alpha_curve=[f"figures/wise_ft_{model}" for model in WISE_FT],
    occlusion=[f"explain/{task}/covered" for task in COVERED],
    localisation=["explain/localisation"] if cfg.explained else [],
    figure_4=["figures/figure_4"] if cfg.explained else [],
    robustness=[f"robustness/{task}" for task in ROBUST],
    external_manifest=["external/manifest"] if cfg.external else [],
    external_fetch=["external/fetch"] if cfg.external else [],
    external=["external"] if cfg.external else [],
)
ON_GPU = [recipe.name for recipe in RECIPES.values() if recipe.gpu]
ON_GPU += [
    "embed_images",
    "embed_unprojected",
    "embed_view",
    "people",
    "saliency_maps",
    "occlude",
    "corrupt",
    "external_predict",
]


PLANNED = dict(
    small=SMALL,
    folds_per_job={
        recipe: cfg.resources_of(recipe).folds_per_job or cfg.runs_per_job for recipe in RECIPES
    },
    gpu_rules=ON_GPU if gpu() else [],
)


rule plan:
    """Cost estimate of the study: jobs, runs, hours, memory and disk per rule."""
    input:
        costs=own("data/run_costs.csv"),
        manifest=[] if cfg.dataset.manifest in MADE else local(cfg.dataset.manifest),
    log:
        "results/logs/plan.log",
    localrule: True
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        **PLANNED,
        config=cfg.model_dump(mode="json"),
        code=digest_of("planning/plan.py"),
    message:
        "Estimating the cost of the study"
    script:
        "../scripts/planning/plan.py"
