# Input: all results. Output: results/report.html, one self-contained file.

ELSEWHERE = ["summary", "classes"] if cfg.external else []


rule report:
    """HTML report of the study, one self-contained page."""
    input:
        answer=rules.answer.output.json if ANSWERS else [],
        template=[
            own(f"workflow/report/report.{kind}")
            for kind in ("html.j2", "macros.j2", "details.j2", "css", "js")
        ],
        images=rules.fetch.output[0],
        audit=rules.audit.output[0],
        holdouts=expand("results/splits/{task}/holdout.csv", task=cfg.tasks),
        kfolds=expand("results/splits/{task}/kfold.csv", task=cfg.tasks),
        paper=own("data/paper_results.csv") if cfg.paper else [],
        tables=expand("results/tables/{table}.csv", table=["table_1", *TABLES]),
        figures=[
            "results/figures/figure_1.png",
            "results/figures/figure_2.svg",
            *expand("results/figures/{name}.svg", name=CONFUSIONS),
            *expand("results/figures/{name}.svg", name=PLOTTED),
            *(["results/figures/learning_curves.svg"] if LEARNING else []),
            *expand(
                "results/figures/{name}_{task}.svg",
                name=["pooled", "pairs", "reliability", "error_rates", "agreement"],
                task=JUDGED,
            ),
            *([rules.recipes_figure.output.svg] if ANSWERS else []),
            *([rules.more_photos.output.svg] if PROBES else []),
            *expand("results/figures/wise_ft_{model}.svg", model=WISE_FT),
            *expand("results/figures/covered_{task}.svg", task=COVERED),
            *expand("results/figures/wrong_by_all_{task}.png", task=JUDGED),
            *(["results/figures/figure_5.png"] if ANSWERS else []),
            *expand("results/figures/robustness_{task}.svg", task=ROBUST),
            *([rules.external.output.svg] if cfg.external else []),
            *([rules.figure_4.output.png, rules.localisation.output.svg] if cfg.explained else []),
        ],
        shown=[
            *([rules.recipes.output.recipes] if ANSWERS else []),
            *([rules.more_photos.output.csv] if PROBES else []),
            *([rules.recipes.output.views] if VIEWS else []),
            *([rules.recipes.output.members] if MEANS else []),
            *expand("results/tables/{name}.csv", name=CONFUSIONS),
            *(rules.paper_tests.output if cfg.paper else []),
            *expand("results/statistics/{task}/{name}.csv", name=STATISTICS, task=JUDGED),
            *(
                [rules.localisation.output.csv, rules.localisation.output.notes]
                if cfg.explained
                else []
            ),
            *expand("results/explain/{task}/covered.csv", task=COVERED),
            *expand(
                "results/errors/{task}/{name}.csv",
                name=["rates", "contrasts", "agreement", "failures", "wrong_by_all"],
                task=JUDGED,
            ),
            *expand("results/robustness/{task}/corrupted.csv", task=ROBUST),
            *expand("results/external/{name}.csv", name=ELSEWHERE),
        ],
        maps=expand(f"{LOOKED}.npz", task=MAIN, model=cfg.explained),
        looked=expand(f"{LOOKED}.csv", task=MAIN, model=cfg.explained),
        claims=rules.claims.output.csv if cfg.paper else [],
        predictions=expand("results/predictions/{task}.csv", task=ANSWERS),
        metas=[
            f"{run.folder}/meta.json"
            for task in TASKS
            for run in cfg.runs_of(task)
            if run.split == "holdout"
        ],
    output:
        report(
            "results/report.html",
            caption="../report/captions/report.rst",
            category="Report",
        ),
    log:
        "results/logs/report.log",
    benchmark:
        "results/benchmarks/report.tsv"
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        config=cfg.model_dump(mode="json", exclude=set(AFTERWARDS)),
        code=digest_of("report/report.py"),
    message:
        "Writing {output}"
    script:
        "../scripts/report/report.py"
