# Needs: everything. Makes: results/report.html, one file to read and to send.

PLOTTED = [table for table in ("table_3", "table_7") if table in COMPARED]
JUDGED = [task for task in cfg.tasks if cfg.tasks[task].models]
ANSWERS = [MAIN] if MAIN in JUDGED else []
ROBUST = [MAIN] if cfg.robustness_models else []
ELSEWHERE = ["summary", "classes"] if cfg.external else []


rule report:
    """The study told on one page."""
    input:
        template=[own(f"workflow/report/report.{kind}") for kind in ("html.j2", "css", "js")],
        images=rules.fetch.output[0],
        audit=rules.audit.output[0],
        holdouts=expand(rules.split.output.holdout, task=cfg.tasks),
        kfolds=expand(rules.split.output.kfold, task=cfg.tasks),
        paper=own("data/paper_results.csv"),
        tables=expand("results/tables/{table}.csv", table=["table_1", *COMPARED]),
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
            *expand(rules.alpha_curve.output.svg, model=WISE_FT),
            *expand(rules.occlusion.output.svg, task=ANSWERS),
            *expand(rules.error_figures.output.photos, task=JUDGED),
            *(["results/figures/figure_5.png"] if ANSWERS else []),
            *expand(rules.robustness.output.svg, task=ROBUST),
            *([rules.external.output.svg] if cfg.external else []),
            *([rules.figure_4.output.png, rules.localisation.output.svg] if cfg.explained else []),
        ],
        shown=[
            *([rules.select.output.recipes, rules.select.output.chosen] if ANSWERS else []),
            *([rules.select.output.views] if VIEWS else []),
            *rules.paper_tests.output,
            *expand(rules.evaluate.output, task=JUDGED),
            *(
                [rules.localisation.output.csv, rules.localisation.output.notes]
                if cfg.explained
                else []
            ),
            *expand(rules.occlusion.output.csv, task=ANSWERS),
            *expand(
                "results/errors/{task}/{name}.csv",
                name=["rates", "contrasts", "agreement", "failures", "wrong_by_all"],
                task=JUDGED,
            ),
            *expand(rules.robustness.output.csv, task=ROBUST),
            *expand("results/external/{name}.csv", name=ELSEWHERE),
        ],
        maps=expand(rules.saliency_maps.output.maps, task=MAIN, model=cfg.explained),
        looked=expand(rules.saliency_maps.output.table, task=MAIN, model=cfg.explained),
        claims=rules.claims.output.csv,
        predictions=expand(rules.predictions.output, task=ANSWERS),
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
        cfg.model_dump(mode="json", exclude=set(AFTERWARDS)),
        code=digest_of("report/report.py"),
    message:
        "Writing {output}"
    script:
        "../scripts/report/report.py"
